;; The guest that recorded sessions are of. It never ends by itself.
(module $recorded
  (import "wasi_snapshot_preview1" "sched_yield" (func $host (result i32)))
  (memory (export "memory") 1 2)
  (global $count (mut i32) (i32.const 7))
  (global $wide (mut i64) (i64.const -1))
  (table 2 funcref)
  (elem (i32.const 1) $add)
  (data (i32.const 16) "needle in a memory")
  (func $add (param $a i32) (param $b i32) (result i32)
    local.get $a
    local.get $b
    i32.add)
  (func $deep (param $n i32) (result i32) (local $w i64) (local $f f32) (local $d f64) (local $v v128)
    i64.const 40
    local.set $w
    f64.const 0.5
    local.set $d
    v128.const i32x4 1 2 3 4
    local.set $v
    local.get $n
    i32.eqz
    if
      i32.const 16
      global.get $count
      i32.store
      call $host
      i32.const 20
      i32.load
      i32.add
      return
    end
    local.get $n
    i32.const 1
    i32.sub
    call $deep
    local.get $n
    call $add)
  (func (export "_start")
    loop $again
      i32.const 5
      call $deep
      global.get $count
      i32.const 1
      i32.const 1
      call_indirect (param i32 i32) (result i32)
      i32.add
      global.set $count
      br $again
    end))
