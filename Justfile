# The same scripts as without just.

# Compiles everything, runs nothing.
check:
    cargo check --workspace --all-targets

fmt:
    cargo fmt --all

lint:
    sh scripts/lint.sh

# All tests. `just test -p dwarf` runs those of one package.
test *args:
    sh scripts/test.sh {{args}}

# Writes the goldens anew. Read the diff before you commit it.
bless *args:
    UPDATE_EXPECT=1 SKIP_LINT=1 sh scripts/test.sh {{args}}

# A debug session on a program that ships with the server.
demo *args:
    sh scripts/demo.sh {{args}}

# Sessions with stock gdb. `just e2e breakpoints` runs those with this word in their name.
e2e *words:
    SKIP_LINT=1 sh scripts/test.sh -p tests --test e2e -- {{words}}

# The spec suite.
spec *words:
    SKIP_LINT=1 sh scripts/test.sh -p tests --test spec -- {{words}}

# LLDB's own tests with our server as the runtime: hours. `just lldb-suite watchpoints` runs the files with this word in their path;
# `just lldb-suite summary` prints the score.
lldb-suite *args:
    sh scripts/lldb-suite.sh {{args}}

# Fuzzes one target of tests/fuzz (dwarf, coredump, packets, agent, differential) for some seconds; needs cargo-fuzz.
fuzz target seconds="60":
    sh scripts/fuzz.sh {{target}} {{seconds}}

# Recorded sessions of gdb and lldb with damage: so many packets of each, other ones for each seed. The tests play the first.
damage packets="1000000" seed="1":
    DAMAGED_PACKETS={{packets}} DAMAGE_SEED={{seed}} SKIP_LINT=1 sh scripts/test.sh --workspace --test session -- recorded

# How fast programs run and compile under a debugger and without, compared with Wasmtime. `just bench --quick` takes fewer
# turns; `just bench --only lua,json.O0` only these programs.
bench *args:
    sh scripts/bench.sh {{args}}

# How fast the server answers, to a bare client and to lldb-22. `--no-lldb` leaves the latter out.
bench-protocol *args:
    sh scripts/bench-protocol.sh {{args}}

# Programs whose functions change their tier by chance, so many seeds of each: the fixtures, and the programs of `just bench` that
# are there. Without `just`, the tests run the first seeds of the fixtures.
stress seeds="10" from="100":
    STRESS_SEEDS={{seeds}} STRESS_FROM={{from}} STRESS_MODULES="$(ls "$PWD"/tests/bench/target/programs/*.O?.wasm 2>/dev/null)" SKIP_LINT=1 sh scripts/test.sh -p tests --test stress

# Time from start to the first stop of modules of 1, 10 and 50 MB, with gdb and lldb-22, compared with native gdb. `just bench-startup 1 10` takes those.
bench-startup *args:
    sh scripts/bench-startup.sh {{args}}

# What readers see of a module's debug info and of its symbol image, over so many programs by chance (csmith), each at four
# levels of optimisation. Without `just`, the tests take the first one.
semantic programs="100" seed="1":
    SEMANTIC_PROGRAMS={{programs}} SEMANTIC_SEED={{seed}} SKIP_LINT=1 sh scripts/test.sh --workspace --test semantic -- by_chance --nocapture

# The same programs by chance natively and on our server, and all values at the same stops. Without `just`, the tests take one.
values programs="20" seed="1" stops="300":
    VALUES_PROGRAMS={{programs}} VALUES_SEED={{seed}} VALUES_STOPS={{stops}} SKIP_LINT=1 sh scripts/test.sh --workspace --test values

# Big debug info: time to gdb's prompt with symbols, first commands, `symbols`, memory, for SQLite and programs of 30 and 100 MB.
# `just bench-dwarf --rounds 2 sqlite 30` takes those.
bench-dwarf *args:
    sh scripts/bench-dwarf.sh {{args}}

# What `--cache` saves of running programs of the benchmark. `just bench-cache --rounds 3 lua.O2` takes that one.
bench-cache *args:
    sh scripts/bench-cache.sh {{args}}

# Modules by chance, run in all ways and by wasmi, for some seconds, from a seed on. The tests run the first ones.
differential seconds="60" from="0":
    DIFFERENTIAL_SECONDS={{seconds}} DIFFERENTIAL_FROM={{from}} SKIP_LINT=1 sh scripts/test.sh -p tests --test differential -- --nocapture

doc:
    cargo doc --workspace --no-deps

ci:
    .ci/run
