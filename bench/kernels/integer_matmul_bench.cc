// Speed of the integer product of each instruction set on one core, in TinyLlama's shapes: multiply-adds a
// second and their share of the set's int8 peak; with one token, bytes a second next to a plain read of the
// same memory. Other programs on the machine disturb: run with --benchmark_repetitions=5 and read the line
// "max".
// --benchmark_filter=avx512/Q4_K picks a set and a type.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "backend/cpu/int8_peak.h"
#include "backend/cpu/select_kernels.h"

namespace kilter::bench {
namespace {

using namespace cpu;

struct Free {
  void operator()(std::byte* bytes) const { std::free(bytes); }
};
using Bytes = std::unique_ptr<std::byte, Free>;

Bytes aligned(int64_t bytes) {
  return Bytes(
      static_cast<std::byte*>(std::aligned_alloc(4096, static_cast<size_t>((bytes + 4095) / 4096 * 4096))));
}

/// Far more than the caches hold: what one token reads comes from memory, as in a whole model.
constexpr int64_t kModelBytes = int64_t{768} << 20;

// Random codes and integer scales; float scales that keep every sum finite.
void fill_panels(const PackedWeight& w, int64_t bytes, std::byte* to) {
  std::mt19937_64 random(1);
  std::vector<std::byte> block(static_cast<size_t>(w.format.block_bytes(kBlockValues)));
  for (int64_t at = 0; at + static_cast<int64_t>(block.size()) <= bytes;
       at += static_cast<int64_t>(block.size())) {
    if (at < (int64_t{1} << 20)) {
      for (std::byte& b : block) b = static_cast<std::byte>(random());
      auto first = static_cast<size_t>(w.format.code_bytes(kBlockValues));
      if (w.format.scales == Scales::integer) {
        first +=
            static_cast<size_t>(kBlockValues / w.format.unit * kPanelRows * (w.format.has_offset ? 2 : 1));
      }
      const float full = 0.01F;
      const uint16_t half = 0x2C00;
      const size_t width = w.format.scales == Scales::f32 ? 4 : 2;
      for (size_t i = first; i + width <= block.size(); i += width) {
        std::memcpy(&block[i], width == 4 ? static_cast<const void*>(&full) : &half, width);
      }
    }
    std::memcpy(to + at, block.data(), block.size());
  }
}

struct Activations {
  Activations(const KernelTable& kernels, int64_t rows, int64_t cols, int planes) {
    view = {.rows = rows, .cols = cols, .planes = planes};
    const int64_t columns = view.blocks() * rows * planes;
    digits = aligned(columns * kBlockValues);
    sums = aligned(columns * 16 * 2);
    scale = aligned(view.blocks() * rows * 4);
    view.digits = reinterpret_cast<int8_t*>(digits.get());
    view.sums = reinterpret_cast<int16_t*>(sums.get());
    view.scale = reinterpret_cast<float*>(scale.get());
    const int64_t tile_bytes = kernels.tiled_digit_bytes != nullptr ? kernels.tiled_digit_bytes(view) : 0;
    if (tile_bytes > 0) {
      tiles = aligned(tile_bytes);
      view.tiles = reinterpret_cast<int8_t*>(tiles.get());
    }
    std::mt19937_64 random(2);
    std::normal_distribution<float> normal;
    std::vector<float> x(static_cast<size_t>(rows * cols));
    for (float& value : x) value = normal(random);
    kernels.quantise(x.data(), 0, rows, view);
  }
  QuantisedRows view;
  Bytes digits;
  Bytes sums;
  Bytes scale;
  Bytes tiles;
};

// Multiply-adds a second that one core can do at best.
double peak_of(const KernelTable& kernels) {
  static std::map<std::string_view, double> known;
  const auto [place, is_new] = known.try_emplace(kernels.name, 0);
  if (is_new) place->second = measured_int8_peak(kernels, 1);
  return place->second;
}

uint64_t read_all(std::span<const std::byte> bytes) {
  uint64_t sum[16] = {};  // a loop that vectorises
  for (size_t i = 0; i + sizeof(sum) <= bytes.size(); i += sizeof(sum)) {
    uint64_t words[16];
    std::memcpy(words, &bytes[i], sizeof(words));
    for (size_t j = 0; j < 16; ++j) sum[j] ^= words[j];
  }
  uint64_t all = 0;
  for (const uint64_t s : sum) all ^= s;
  return all;
}

// The panels of one type, as many as kModelBytes hold; shared by the cases that follow each other.
const std::byte* panels_of(DType type, const PackedWeight& w) {
  static Bytes memory;
  static auto filled = DType::f32;
  if (filled != type) {
    if (!memory) memory = aligned(kModelBytes);
    fill_panels(w, kModelBytes, memory.get());
    filled = type;
  }
  return memory.get();
}

struct Case {
  const KernelTable* kernels;
  DType type;
  int64_t rows;
  int64_t cols;
  int64_t tokens;
  int planes;
};

PackedWeight weight_of(const Case& c) {
  PackedWeight w{.kind = PanelKind::integer, .format = *panel_format(c.type), .rows = c.rows, .cols = c.cols};
  w.data = panels_of(c.type, w);
  return w;
}

void multiply(benchmark::State& state, const Case& c) {
  PackedWeight w = weight_of(c);
  const std::byte* first = w.data;
  const int64_t bytes = w.panels() * w.panel_bytes();
  const int64_t copies = c.tokens == 1 ? kModelBytes / bytes : 1;
  const Activations x(*c.kernels, c.tokens, c.cols, c.planes);
  const Bytes y = aligned(c.tokens * c.rows * 4);
  const Bytes scratch = aligned(c.kernels->matmul_scratch_bytes(c.tokens, c.planes));
  int64_t copy = 0;
  for (auto _ : state) {
    w.data = first + copy * bytes;
    copy = (copy + 1) % copies;
    c.kernels->matmul({.x = &x.view,
                       .w = &w,
                       .y = reinterpret_cast<float*>(y.get()),
                       .y_stride = c.rows,
                       .panel_begin = 0,
                       .panel_end = w.panels(),
                       .scratch = scratch.get()});
    benchmark::ClobberMemory();
  }
  const auto macs = static_cast<double>(c.rows * c.cols * c.tokens);
  using benchmark::Counter;
  state.counters["MAC/s"] = Counter(macs, Counter::kIsIterationInvariantRate);
  state.counters["peak_share"] = Counter(macs / peak_of(*c.kernels), Counter::kIsIterationInvariantRate);
  if (c.tokens == 1) {
    state.counters["B/s"] = Counter(static_cast<double>(bytes), Counter::kIsIterationInvariantRate);
  }
}

// The memory that `multiply` reads with one token.
void read(benchmark::State& state, const Case& c) {
  const PackedWeight w = weight_of(c);
  const int64_t bytes = w.panels() * w.panel_bytes();
  const int64_t copies = kModelBytes / bytes;
  int64_t copy = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(read_all({w.data + copy * bytes, static_cast<size_t>(bytes)}));
    copy = (copy + 1) % copies;
  }
  state.counters["B/s"] =
      benchmark::Counter(static_cast<double>(bytes), benchmark::Counter::kIsIterationInvariantRate);
}

void add_cases() {
  const auto max = [](const std::vector<double>& values) {
    return *std::max_element(values.begin(), values.end());
  };
  const auto min = [](const std::vector<double>& values) {
    return *std::min_element(values.begin(), values.end());
  };
  const auto add = [&](const std::string& name, auto run, const Case& c) {
    benchmark::RegisterBenchmark(name.c_str(), run, c)
        ->ComputeStatistics("max", max)
        ->ComputeStatistics("min", min);
  };
  constexpr std::pair<int64_t, int64_t> kShapes[] = {{2048, 2048}, {5632, 2048}, {2048, 5632}, {256, 2048}};
  for (const BuiltKernels& set : runnable_kernels()) {
    for (const DTypeInfo& info : all_dtypes()) {
      if (!panel_format(info.type)) continue;
      for (const auto& [rows, cols] : kShapes) {
        const std::string prefix = std::string(set.name) + "/" + std::string(info.name) + "/" +
                                   std::to_string(rows) + "x" + std::to_string(cols);
        const KernelTable* kernels = &set.table();
        add(prefix + "/read", read, {kernels, info.type, rows, cols, 1, 1});
        for (int planes = 1; planes <= 3; ++planes) {
          for (const int64_t tokens : {1, 4, 16, 512}) {
            add(prefix + "/tokens:" + std::to_string(tokens) + "/planes:" + std::to_string(planes), multiply,
                {kernels, info.type, rows, cols, tokens, planes});
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace kilter::bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  kilter::bench::add_cases();
  benchmark::RunSpecifiedBenchmarks();
}
