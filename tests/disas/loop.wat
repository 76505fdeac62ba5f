;; A loop's header checks for an interrupt; branches store what they carry into the places of their target.
(module (func (param i32) (result i32)
  local.get 0
  (loop $again (param i32) (result i32)
    i32.const 1
    i32.sub
    local.tee 0
    local.get 0
    br_if $again)))
