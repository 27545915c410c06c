#!/bin/sh
# isa_symbols.sh NM ISA OBJECT: the object of an instruction set's kernels defines nothing for others
# but those kernels. Any other function in it could become the one that a processor without the
# instruction set runs (cmake/isa.cmake).
found=$("$1" --extern-only --defined-only --demangle "$3") || exit 2
kernels=$(printf '%s\n' "$found" | grep -c "chainline::cpu::$2::")
[ "$kernels" -gt 40 ] || { echo "$3: only $kernels kernels of $2"; exit 1; }
others=$(printf '%s\n' "$found" | sed 's/^[^ ]* [^ ] //' |
         grep -vE "^(void )?chainline::cpu::$2::[a-z_0-9]+[<(]")
[ -z "$others" ] || { echo "$3 also defines:"; printf '%s\n' "$others" | head -20; exit 1; }
