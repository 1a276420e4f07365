// Reading a header costs memory in proportion to its bytes, whatever the counts in it claim.
// This program counts every allocation, so it holds nothing but this test.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

#include "gguf/file.h"
#include "mutants.h"

namespace {

std::atomic<size_t> live{0};
std::atomic<size_t> peak{0};

void* counted(size_t size) {
  void* p = std::malloc(size);
  if (p == nullptr) throw std::bad_alloc();
  live += malloc_usable_size(p);
  peak = std::max(peak.load(), live.load());
  return p;
}

void uncounted(void* p) {
  if (p != nullptr) live -= malloc_usable_size(p);
  std::free(p);
}

}  // namespace

void* operator new(size_t size) { return counted(size); }
void operator delete(void* p) noexcept { uncounted(p); }
void operator delete(void* p, size_t) noexcept { uncounted(p); }

namespace kilter::gguf {
namespace {

// In memory a key is 88 bytes and 14 in a file, a tensor 96 and 33, a string 32 and 8, an array 48 and 12;
// while they are gathered and sorted, some of it is there twice. The constant is for error messages.
constexpr size_t kTimes = 16;
constexpr size_t kConstant = 16384;

/// The most that was allocated at once while `file` was read.
size_t peak_of_reading(const Bytes& file) {
  const size_t before = live;
  peak = before;
  const auto answer = File::parse(file, "file");
  return peak - before;
}

TEST(Memory, OfMutantsIsBounded) {
  for (const char* name : kMutatedFiles) {
    const Bytes original = read_bytes(golden(name));
    const auto expect_bounded = [name](const Bytes& mutant) {
      EXPECT_LE(peak_of_reading(mutant), kTimes * mutant.size() + kConstant) << name;
    };
    for_each_truncation(original, expect_bounded);
    for_each_extreme_number<uint32_t>(original, original.size(), expect_bounded);
    for_each_extreme_number<uint64_t>(original, original.size(), expect_bounded);
  }
}

TEST(Memory, OfDenseFilesIsBounded) {
  constexpr uint64_t kMany = 50000;
  HandMade keys = HandMade().header(0, kMany);
  HandMade tensors = HandMade().header(kMany, 0);
  for (uint64_t i = 0; i < kMany; ++i) {
    keys.string(std::to_string(i)).u32(0).u8(1);
    tensors.tensor(std::to_string(i), {1}, 0, i * 32);
  }
  tensors.align().zeros(kMany * 32);
  const HandMade strings = HandMade().header(0, 1).string("k").u32(9).u32(8).u64(kMany).zeros(kMany * 8);
  const HandMade arrays = HandMade().header(0, 1).string("k").u32(9).u32(9).u64(kMany).zeros(kMany * 12);
  for (const HandMade& file : {keys, tensors, strings, arrays}) {
    EXPECT_TRUE(File::parse(file.bytes(), "dense").ok());
    EXPECT_LE(peak_of_reading(file.bytes()), kTimes * file.bytes().size() + kConstant);
  }
}

}  // namespace
}  // namespace kilter::gguf
