#include "backend/cpu/amx/tile.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace kilter::cpu::amx {

bool request_tiles() {
  constexpr unsigned tile_bit = 1U << 24;  // CPUID leaf 7, EDX: AMX-TILE
  constexpr unsigned int8_bit = 1U << 25;  // AMX-INT8
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  if ((edx & tile_bit) == 0 || (edx & int8_bit) == 0) return false;
  constexpr long request_permission = 0x1023;  // ARCH_REQ_XCOMP_PERM; asking twice is harmless
  constexpr long tile_data = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

}  // namespace kilter::cpu::amx
