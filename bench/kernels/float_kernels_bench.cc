// Times of the float kernels that a forward pass spends most in, for every instruction set of this machine.
//   float_kernels_bench --benchmark_filter=scores/avx512
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "backend/cpu/kernel_table.h"
#include "float_tables.h"

namespace kilter::cpu {
namespace {

std::vector<float> normals(int64_t n) {
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> x(static_cast<size_t>(n));
  for (float& v : x) v = normal(random);
  return x;
}

std::vector<std::byte> halves(int64_t n) {
  // Bits of f16 numbers in [1, 2).
  std::vector<std::byte> bytes(static_cast<size_t>(2 * n));
  for (size_t i = 0; i < bytes.size(); i += 2) {
    bytes[i] = static_cast<std::byte>(i * 37);
    bytes[i + 1] = std::byte{0x3c};
  }
  return bytes;
}

struct Free {
  void operator()(std::byte* p) const { std::free(p); }
};
using AlignedBytes = std::unique_ptr<std::byte, Free>;

AlignedBytes aligned(int64_t bytes) {
  const auto size = static_cast<size_t>((bytes + 63) / 64 * 64);
  AlignedBytes memory(static_cast<std::byte*>(std::aligned_alloc(64, size)));
  std::fill_n(memory.get(), size, std::byte{0});
  return memory;
}

void report_flops(benchmark::State& state, int64_t fma_per_run) {
  state.counters["GFLOP/s"] = benchmark::Counter(2e-9 * static_cast<double>(fma_per_run * state.iterations()),
                                                 benchmark::Counter::kIsRate);
}

// Rows of one kv head: arguments are rows, queries of a row, width and the positions that the last row sees.
void attention(benchmark::State& state, void (*kernel)(const AttentionJob&)) {
  const int64_t rows = state.range(0);
  const int64_t queries = state.range(1);
  const int64_t width = state.range(2);
  const int64_t n_blocks = (state.range(3) + 63) / 64;
  std::vector<std::byte> memory = halves(n_blocks * 64 * width);
  std::vector<int32_t> blocks;
  for (int64_t b = 0; b < n_blocks; ++b) blocks.push_back(static_cast<int32_t>(b));
  std::vector<int64_t> visible;
  int64_t seen = 0;
  for (int64_t r = 1; r <= rows; ++r) {
    visible.push_back(state.range(3) - rows + r);
    seen += visible.back();
  }
  const int64_t step = (rows * queries | 1) * 64;
  const std::vector<float> q = normals((width + 63) / 64 * step);
  std::vector<float> s(static_cast<size_t>(n_blocks * step), 0.5F);
  std::vector<float> y(static_cast<size_t>(rows * queries * width));
  std::vector<float> open(static_cast<size_t>(64 * width));
  AttentionJob job;
  job.blocks = blocks.data();
  job.rows = rows;
  job.visible = visible.data();
  job.queries = queries;
  job.k = {.data = memory.data(), .type = KvType::f16, .heads = 1, .width = width};
  job.v = job.k;
  job.q = q.data();
  job.scale = 0.125F;
  job.s = s.data();
  job.y = y.data();
  job.step = step;
  job.open = open.data();
  for (auto _ : state) {
    kernel(job);
    benchmark::ClobberMemory();
  }
  report_flops(state, queries * width * seen);
}

// Arguments: columns, planes.
void quantise(benchmark::State& state, const KernelTable& kernels) {
  constexpr int64_t kRows = 16;
  QuantisedRows to{.rows = kRows, .cols = state.range(0), .planes = static_cast<int>(state.range(1))};
  const std::vector<float> x = normals(to.rows * to.cols);
  const auto columns = static_cast<size_t>(to.blocks() * to.rows * to.planes);
  std::vector<int8_t> digits(columns * kBlockValues);
  std::vector<int16_t> sums(columns * 16);
  std::vector<float> scale(static_cast<size_t>(to.blocks() * to.rows));
  to.digits = digits.data();
  to.sums = sums.data();
  to.scale = scale.data();
  for (auto _ : state) {
    kernels.quantise(x.data(), 0, kRows, to);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * kRows * to.cols * 4);
}

// Arguments: tokens, rows, columns.
void matmul_f32(benchmark::State& state, const KernelTable& kernels, PanelKind kind) {
  const int64_t tokens = state.range(0);
  PackedWeight w{.kind = kind, .rows = state.range(1), .cols = state.range(2)};
  w.format = {Codes::nibble, Scales::integer, 0, 32, 256, true};
  const AlignedBytes panels = aligned(w.panels() * w.panel_bytes());
  w.data = panels.get();
  const std::vector<float> x = normals(tokens * w.cols);
  std::vector<float> y(static_cast<size_t>(tokens * w.rows));
  const AlignedBytes scratch = aligned(kF32ScratchBytes);
  F32MatmulJob job{.x = x.data(), .rows = tokens, .w = &w, .y = y.data(), .y_stride = w.rows};
  job.panel_end = w.panels();
  job.scratch = scratch.get();
  for (auto _ : state) {
    kernels.matmul_f32(job);
    benchmark::ClobberMemory();
  }
  report_flops(state, tokens * w.rows * w.cols);
  state.SetBytesProcessed(state.iterations() * w.panels() * w.panel_bytes());
}

void softmax(benchmark::State& state, const KernelTable& kernels) {
  const std::vector<float> scores = normals(state.range(0));
  std::vector<float> s = scores;
  for (auto _ : state) {
    std::copy(scores.begin(), scores.end(), s.begin());
    kernels.softmax({.s = s.data(), .n = state.range(0)});
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void silu(benchmark::State& state, const KernelTable& kernels) {
  const std::vector<float> x = normals(state.range(0));
  std::vector<float> y(x.size());
  for (auto _ : state) {
    kernels.silu(x.data(), state.range(0), y.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void rmsnorm(benchmark::State& state, const KernelTable& kernels) {
  const std::vector<float> x = normals(state.range(0));
  std::vector<float> y(x.size());
  const RmsNormJob job{
      .x = x.data(), .w = x.data(), .eps = 1e-5F, .n = state.range(0), .vectors = 1, .y = y.data()};
  for (auto _ : state) {
    kernels.rmsnorm(job);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void register_all(const KernelTable& kernels) {
  const std::string isa(kernels.name);
  const auto name = [&](const char* kernel) { return std::string(kernel) + "/" + isa; };
  for (const auto& [what, kernel] :
       {std::pair{"scores", kernels.attention_scores}, {"mix", kernels.attention_mix}}) {
    auto* bench = benchmark::RegisterBenchmark(
        name(what).c_str(), [kernel = kernel](benchmark::State& state) { attention(state, kernel); });
    for (const int64_t queries : {1, 3, 4, 6, 7, 8}) bench->Args({1, queries, 64, 512});
    for (const int64_t queries : {1, 4, 8}) bench->Args({1, queries, 128, 512});
    bench->Args({1, 8, 64, 4096});
    for (const int64_t width : {64, 128}) {
      for (const int64_t queries : {1, 3, 4, 8}) bench->Args({64 / queries, queries, width, 512});
    }
  }
  benchmark::RegisterBenchmark(name("quantise").c_str(), [=](benchmark::State& s) {
    quantise(s, kernels);
  })->ArgsProduct({{2048}, {1, 2, 3}});
  for (const auto& [what, kind] : {std::pair{"matmul_f32", PanelKind::f32},
                                   {"matmul_f16", PanelKind::f16},
                                   {"matmul_bf16", PanelKind::bf16},
                                   {"matmul_q4_k", PanelKind::integer}}) {
    benchmark::RegisterBenchmark(name(what).c_str(), [=, kind = kind](benchmark::State& s) {
      matmul_f32(s, kernels, kind);
    })->ArgsProduct({{1, 6, 48}, {512}, {2048}});
  }
  benchmark::RegisterBenchmark(name("softmax").c_str(), [=](benchmark::State& s) {
    softmax(s, kernels);
  })->Arg(512);
  benchmark::RegisterBenchmark(name("silu").c_str(), [=](benchmark::State& s) {
    silu(s, kernels);
  })->Arg(5632);
  benchmark::RegisterBenchmark(name("rmsnorm").c_str(), [=](benchmark::State& s) {
    rmsnorm(s, kernels);
  })->Arg(2048);
}

}  // namespace
}  // namespace kilter::cpu

int main(int argc, char** argv) {
  for (const auto& table : kilter::cpu::float_tables()) {
    if (table.runs_here) kilter::cpu::register_all(table.kernels);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
