;; A load may trap: its point has the state before it.
(module (memory 1)
  (func (param i32) (result i64)
    local.get 0
    i64.load offset=16))
