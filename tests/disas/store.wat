;; While memory is watched, a store compares its address with what is watched. What is near is compared again on a cold path, from
;; which landing code takes over.
(module (memory 1)
  (func (param i32 i32)
    local.get 0
    local.get 1
    i32.store offset=16))
