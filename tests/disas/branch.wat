;; Both arms of an `if` leave their result in the same place.
(module (func (param i64 f32 i32) (result i64)
  local.get 2
  if (result i64)
    local.get 0
  else
    i64.const -1
  end))
