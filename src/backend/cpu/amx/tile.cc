#include "backend/cpu/amx/tile.h"

#include <sys/syscall.h>
#include <unistd.h>

namespace kilter::cpu::amx {

bool request_tiles() {
  constexpr long request_permission = 0x1023;  // ARCH_REQ_XCOMP_PERM; asking twice is harmless
  constexpr long tile_data = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

}  // namespace kilter::cpu::amx
