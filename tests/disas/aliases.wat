;; Constants and unchanged locals on the operand stack cost no store; a local that is written while it is on the stack
;; does.
(module (func (param i32) (result i32) (local i64)
  local.get 0
  i32.const 5
  local.get 0
  i32.add
  local.set 0
  local.get 0
  i32.mul))
