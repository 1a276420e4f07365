#include "backend/cpu/host_memory.h"

#include <sys/mman.h>

#include <string>

#include "base/free_memory.h"

namespace kilter::cpu {
namespace {

constexpr uint64_t kHugePage = uint64_t{2} << 20;
// An eighth of what is free is left to the rest of the program and to the machine.
constexpr uint64_t kShareLeft = 8;

Error refused(int64_t bytes, const std::string& why) {
  return {ErrorCode::memory, "host memory", std::to_string(bytes) + " bytes were asked for, and " + why,
          "use a smaller context (--ctx), fewer tokens a pass (--chunk) or a smaller model"};
}

// Streaming through 4 KiB pages costs a translation every 64 lines; 2 MiB pages cost none that can be seen.
uint64_t mapped_bytes(int64_t bytes) {
  const auto wanted = static_cast<uint64_t>(bytes);
  return wanted < kHugePage ? wanted : (wanted + kHugePage - 1) / kHugePage * kHugePage;
}

}  // namespace

Result<HostMemory> HostMemory::create(int64_t bytes) {
  HostMemory memory;
  if (bytes <= 0) return memory;
  if (const auto free = free_memory()) {
    const uint64_t usable = *free - *free / kShareLeft;
    if (static_cast<uint64_t>(bytes) > usable) {
      return refused(bytes, "only " + std::to_string(usable) + " are free for them");
    }
  }
  const uint64_t size = mapped_bytes(bytes);
  void* data =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) return refused(bytes, "the system refused them");
  if (size >= kHugePage) madvise(data, size, MADV_HUGEPAGE);
  memory.data_ = static_cast<std::byte*>(data);
  memory.bytes_ = bytes;
  return memory;
}

void HostMemory::release(std::byte* data, int64_t bytes) {
  if (data != nullptr) munmap(data, mapped_bytes(bytes));
}

HostMemory::~HostMemory() { release(data_, bytes_); }

}  // namespace kilter::cpu
