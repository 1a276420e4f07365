#include "backend/cpu/products.h"

#include <array>

namespace kilter::cpu {
namespace {

constexpr size_t kMostProducts = 3;  // q, k and v

// A hand-out is at least this much work, so that taking it costs nothing that can be measured.
constexpr int64_t kLeastMultiplyAdds = 1 << 17;
// Hand-outs a thread, at most: enough to even out threads that are interrupted.
constexpr int64_t kPiecesAThread = 16;

// Panels are handed out in pairs: kernels read two at a time.
int64_t panels_a_piece(int64_t panels, int64_t multiply_adds_a_panel, int threads) {
  const int64_t least = kLeastMultiplyAdds / std::max<int64_t>(multiply_adds_a_panel, 1);
  const int64_t fair = panels / (threads * kPiecesAThread);
  return (std::max(least, fair) + 2) / 2 * 2;
}

int64_t round_up(int64_t n) { return (n + 63) / 64 * 64; }

bool wants_digits(const Weight& weight, int planes) {
  return planes > 0 && panel_format(weight.type).has_value();
}

}  // namespace

int planes_of(Arithmetic mode) {
  switch (mode) {
    case Arithmetic::fast:
      return 1;
    case Arithmetic::accurate:
      return 2;
    case Arithmetic::exact:
      return 3;
    case Arithmetic::f32:
    case Arithmetic::reference:
      break;
  }
  return 0;
}

std::byte* Buffer::bytes(int64_t n, CpuDevice& device) {
  if (memory_.bytes() < n) {
    memory_ = HostMemory();
    Result<HostMemory> more = HostMemory::create(n);
    if (!more.ok()) {
      device.fail(std::move(more).error());
      return nullptr;
    }
    memory_ = std::move(more).value();
  }
  return memory_.data();
}

Operand Products::operand(const float* x, int64_t rows, int64_t cols, std::span<const Product> products) {
  Operand operand{.x = x, .rows = rows, .cols = cols, .digits = {}};
  if (std::none_of(products.begin(), products.end(),
                   [&](const Product& p) { return wants_digits(*p.w, planes_); })) {
    return operand;
  }
  QuantisedRows digits{.rows = rows, .cols = cols, .planes = planes_};
  const int64_t columns = digits.blocks() * rows * planes_;
  const int64_t digit_bytes = round_up(columns * kBlockValues);
  const int64_t sum_bytes = round_up(columns * 16 * 2);
  const int64_t tile_bytes = kernels_.tiled_digit_bytes != nullptr ? kernels_.tiled_digit_bytes(digits) : 0;
  const int64_t scale_bytes = round_up(digits.blocks() * rows * 4);
  std::byte* memory = digits_.bytes(digit_bytes + sum_bytes + scale_bytes + tile_bytes, device_);
  if (memory == nullptr) return operand;
  digits.digits = reinterpret_cast<int8_t*>(memory);
  digits.sums = reinterpret_cast<int16_t*>(memory += digit_bytes);
  digits.scale = reinterpret_cast<float*>(memory += sum_bytes);
  if (tile_bytes > 0) digits.tiles = reinterpret_cast<int8_t*>(memory + scale_bytes);
  operand.digits = digits;
  return operand;
}

void Products::quantise(const Operand& x, int64_t row_begin, int64_t row_end) const {
  if (x.digits.digits != nullptr) kernels_.quantise(x.x, row_begin, row_end, x.digits);
}

void Products::multiply(const Operand& x, std::span<const Product> products) {
  std::array<PackedWeight, kMostProducts> packed;
  std::array<int64_t, kMostProducts + 1> first_panel{};  // of each product, all panels counted through
  int64_t scratch = kF32ScratchBytes;
  for (size_t i = 0; i < products.size(); ++i) {
    packed[i] = weights_.matrix(*products[i].w);
    first_panel[i + 1] = first_panel[i] + packed[i].panels();
    if (wants_digits(*products[i].w, planes_)) {
      scratch = std::max(scratch, kernels_.matmul_scratch_bytes(x.rows, planes_));
    }
  }
  if (device_.failed() || !crew_.reserve(scratch)) return;
  const int64_t panels = first_panel[products.size()];
  const int64_t piece = panels_a_piece(panels, kPanelRows * x.cols * x.rows, crew_.size());
  crew_.share(panels, piece, [&](int64_t begin, int64_t end, std::byte* memory) {
    for (size_t i = 0; i < products.size(); ++i) {
      const int64_t from = std::max(begin, first_panel[i]) - first_panel[i];
      const int64_t to = std::min(end, first_panel[i + 1]) - first_panel[i];
      if (from >= to) continue;
      const int64_t stride = products[i].w->rows;
      if (wants_digits(*products[i].w, planes_)) {
        kernels_.matmul({.x = &x.digits,
                         .w = &packed[i],
                         .y = products[i].y,
                         .y_stride = stride,
                         .panel_begin = from,
                         .panel_end = to,
                         .scratch = memory});
      } else {
        kernels_.matmul_f32({.x = x.x,
                             .rows = x.rows,
                             .w = &packed[i],
                             .y = products[i].y,
                             .y_stride = stride,
                             .panel_begin = from,
                             .panel_end = to,
                             .scratch = memory});
      }
    }
  });
}

}  // namespace kilter::cpu
