#include "model/kv_cache.h"

#include <algorithm>

namespace kilter {
namespace {

int64_t values_per_position(const Layer& w) { return w.n_head_kv * (w.head_k + w.head_v); }

int64_t values_per_block(const Model& model) {
  int64_t values = 0;
  for (const Layer& w : model.layers) values += values_per_position(w) * kKvBlock;
  return values;
}

}  // namespace

int64_t KvCache::block_bytes(const Model& model, int64_t value_bytes) {
  return values_per_block(model) * value_bytes;
}

Result<KvCache> KvCache::create(Device& device, const Model& model, int64_t n_blocks) {
  KvCache cache;
  const int64_t value_bytes = device.kv_value_bytes();
  constexpr auto kFloat = static_cast<int64_t>(sizeof(float));
  KILTER_ASSIGN(cache.memory_, device.allocate(block_bytes(model, value_bytes) * n_blocks / kFloat));
  float* next = cache.memory_.data();
  const auto carve = [&](Shape shape) {
    const Tensor tensor{next, shape};
    if (next != nullptr) next += shape.elements() * value_bytes / kFloat;
    return tensor;
  };
  const int64_t rows = n_blocks * kKvBlock;
  for (const Layer& w : model.layers) {
    const Tensor k = carve({rows, w.n_head_kv, w.head_k});
    const Tensor v = carve({rows, w.n_head_kv, w.head_v});
    cache.layers_.push_back({k, v});
  }
  cache.users_.assign(static_cast<size_t>(n_blocks), 0);
  for (int64_t b = n_blocks; b-- > 0;) cache.free_.push_back(static_cast<int32_t>(b));
  return cache;
}

int32_t KvCache::add_sequence() {
  if (!idle_.empty()) {
    const int32_t id = idle_.back();
    idle_.pop_back();
    return id;
  }
  tables_.sequences.emplace_back();
  lengths_.push_back(0);
  return static_cast<int32_t>(lengths_.size()) - 1;
}

int32_t KvCache::fork(int32_t sequence, int64_t length) {
  const int32_t child = add_sequence();
  const auto& parent_blocks = tables_.sequences[static_cast<size_t>(sequence)];
  auto& blocks = tables_.sequences[static_cast<size_t>(child)];
  const int64_t whole = std::min(length, this->length(sequence)) / kKvBlock;
  for (int64_t b = 0; b < whole; ++b) {
    const int32_t block = parent_blocks[static_cast<size_t>(b)];
    blocks.push_back(block);
    ++users_[static_cast<size_t>(block)];
  }
  lengths_[static_cast<size_t>(child)] = whole * kKvBlock;
  return child;
}

Status KvCache::extend(int32_t sequence, int64_t n) {
  auto& blocks = tables_.sequences[static_cast<size_t>(sequence)];
  int64_t& length = lengths_[static_cast<size_t>(sequence)];
  const int64_t missing = blocks_for(length + n) - static_cast<int64_t>(blocks.size());
  if (missing > free_blocks()) {
    return Error{ErrorCode::memory, "KV cache",
                 std::to_string(missing * kKvBlock) + " more positions are needed and " +
                     std::to_string(free_blocks() * kKvBlock) + " are free",
                 "ask for a larger context (--ctx)"};
  }
  for (int64_t i = 0; i < missing; ++i) {
    blocks.push_back(free_.back());
    users_[static_cast<size_t>(free_.back())] = 1;
    free_.pop_back();
  }
  length += n;
  return {};
}

int64_t KvCache::rewind(int32_t sequence, int64_t length) {
  int64_t& have = lengths_[static_cast<size_t>(sequence)];
  if (length >= have) return have;
  const auto& blocks = tables_.sequences[static_cast<size_t>(sequence)];
  const int64_t whole = length / kKvBlock;
  if (length % kKvBlock != 0) {
    const int32_t last = blocks[static_cast<size_t>(whole)];
    if (users_[static_cast<size_t>(last)] > 1) length = whole * kKvBlock;
  }
  release_blocks(sequence, blocks_for(length));
  have = length;
  return length;
}

void KvCache::remove(int32_t sequence) {
  release_blocks(sequence, 0);
  lengths_[static_cast<size_t>(sequence)] = 0;
  idle_.push_back(sequence);
}

void KvCache::release_blocks(int32_t sequence, int64_t keep) {
  auto& blocks = tables_.sequences[static_cast<size_t>(sequence)];
  while (static_cast<int64_t>(blocks.size()) > keep) {
    const int32_t block = blocks.back();
    blocks.pop_back();
    if (--users_[static_cast<size_t>(block)] == 0) free_.push_back(block);
  }
}

}  // namespace kilter
