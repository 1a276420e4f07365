#include "observe/defects.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "base/philox.h"
#include "quant/codec.h"
#include "quant/format.h"

namespace kilter {
namespace {

// Places are drawn one after the other; the same seed gives the same places.
class Draw {
 public:
  explicit Draw(uint64_t seed) : seed_(seed) {}
  int64_t below(int64_t n) {
    return std::min(n - 1, static_cast<int64_t>(philox_uniform(seed_, next_++) * static_cast<double>(n)));
  }

 private:
  uint64_t seed_;
  uint64_t next_ = 0;
};

std::vector<float> decoded(DType type, std::span<const std::byte> bytes) {
  const DTypeInfo& info = dtype_info(type);
  std::vector<float> values(bytes.size() / info.block_bytes * info.block_values);
  static_cast<void>(quant::decode(type, bytes, values));  // whole blocks: the sizes always fit
  return values;
}

// The block of a row that holds element k.
std::span<const std::byte> block_of(const Weight& w, int64_t row, int64_t k) {
  const DTypeInfo& info = dtype_info(w.type);
  const auto block = static_cast<size_t>(k / info.block_values);
  return w.row(row).subspan(block * info.block_bytes, info.block_bytes);
}

float element(const Weight& w, int64_t row, int64_t k) {
  return decoded(w.type, block_of(w, row, k))[static_cast<size_t>(k % dtype_info(w.type).block_values)];
}

// One output with sum over k of change[k] * x[first + k] added to it.
Defective with_change(const Product& p, int64_t output, int64_t first, std::span<const double> change) {
  Defective d{.outputs = {output}, .values = {}};
  for (int64_t t = 0; t < p.rows(); ++t) {
    double sum = 0;
    for (size_t k = 0; k < change.size(); ++k) {
      sum += change[k] * p.x[static_cast<size_t>(t * p.w.cols + first) + k];
    }
    d.values.push_back(static_cast<float>(p.y[static_cast<size_t>(t * p.w.rows + output)] + sum));
  }
  return d;
}

// value(t, output) for outputs that are picked at random, in ascending order.
template <typename Value>
Defective with_outputs(const Product& p, uint64_t draw, Value value, int64_t at_most = 64) {
  Defective d;
  if (p.w.rows <= at_most) {
    for (int64_t o = 0; o < p.w.rows; ++o) d.outputs.push_back(o);
  } else {
    Draw places(draw);
    for (int64_t i = 0; i < at_most; ++i) d.outputs.push_back(places.below(p.w.rows));
    std::sort(d.outputs.begin(), d.outputs.end());
    d.outputs.erase(std::unique(d.outputs.begin(), d.outputs.end()), d.outputs.end());
  }
  d.values.resize(static_cast<size_t>(p.rows()) * d.outputs.size());
  for (size_t i = 0; i < d.outputs.size(); ++i) {
    for (int64_t t = 0; t < p.rows(); ++t) {
      d.values[static_cast<size_t>(t) * d.outputs.size() + i] = static_cast<float>(value(t, d.outputs[i]));
    }
  }
  return d;
}

double y_of(const Product& p, int64_t t, int64_t output) {
  return p.y[static_cast<size_t>(t * p.w.rows + output)];
}
double x_of(const Product& p, int64_t t, int64_t k) { return p.x[static_cast<size_t>(t * p.w.cols + k)]; }

// Where the codes of a block lie: qs, in Q6_K ql; of a plain type the last byte of an element.
quant::Field code_field(const quant::Format& format) {
  for (const quant::Field& field : format.fields) {
    if (field.name == "qs" || field.name == "ql") return field;
  }
  const quant::Field& whole = format.fields.back();
  const size_t bytes = encoding_bytes(whole.encoding);
  return {whole.name, whole.offset + bytes * whole.count - 1, quant::Encoding::u8, 1, whole.meaning};
}

bool is_block_type(const Weight& w) { return dtype_info(w.type).block_values > 1; }

Defective wrong_nibble(const Product& p, uint64_t draw, double) {
  Draw places(draw);
  const DTypeInfo& info = dtype_info(p.w.type);
  const quant::Field codes = code_field(quant::format_of(p.w.type));
  const auto code_bytes = static_cast<int64_t>(encoding_bytes(codes.encoding) * codes.count);
  const int64_t output = places.below(p.w.rows);
  const int64_t first = places.below(p.w.cols / info.block_values) * info.block_values;
  const auto block = block_of(p.w, output, first);
  std::vector<std::byte> wrong(block.begin(), block.end());
  const size_t byte = codes.offset + static_cast<size_t>(places.below(code_bytes));
  wrong[byte] ^= places.below(2) == 0 ? std::byte{0x01} : std::byte{0x10};
  const std::vector<float> was = decoded(p.w.type, block);
  const std::vector<float> is = decoded(p.w.type, wrong);
  std::vector<double> change;
  for (size_t i = 0; i < was.size(); ++i) change.push_back(double{is[i]} - double{was[i]});
  return with_change(p, output, first, change);
}

Defective scale_off(const Product& p, uint64_t draw, double size) {
  Draw places(draw);
  const DTypeInfo& info = dtype_info(p.w.type);
  const quant::Format& format = quant::format_of(p.w.type);
  const int64_t output = places.below(p.w.rows);
  const int64_t first = places.below(p.w.cols / info.block_values) * info.block_values;
  quant::Parts parts;
  format.unpack(block_of(p.w, output, first).data(), parts);
  std::vector<double> change;
  for (size_t i = 0; i < info.block_values; ++i) {
    const double scale = parts.scale[i / (info.block_values / format.groups)];
    change.push_back(size * scale * double{format.code_unit} * parts.code[i]);
  }
  return with_change(p, output, first, change);
}

Defective swapped(const Product& p, uint64_t draw, double) {
  Draw places(draw);
  const int64_t output = places.below(p.w.rows);
  const int64_t k = places.below(std::max<int64_t>(1, p.w.cols - 1));
  if (p.w.cols < 2) return with_change(p, output, 0, {});
  const double step = double{element(p.w, output, k + 1)} - double{element(p.w, output, k)};
  return with_change(p, output, k, std::array{step, -step});
}

Defective last_dropped(const Product& p, uint64_t draw, double) {
  const int64_t last = p.w.cols - 1;
  return with_outputs(p, draw, [&](int64_t t, int64_t o) {
    return y_of(p, t, o) - double{element(p.w, o, last)} * x_of(p, t, last);
  });
}

// The numbers of the file, [n_out][n_in], read as if they were [n_in][n_out].
Defective transposed(const Product& p, uint64_t draw, double) {
  std::vector<float> column(static_cast<size_t>(p.w.cols));
  int64_t of_output = -1;
  const auto value = [&](int64_t t, int64_t o) {
    if (o != of_output) {
      for (int64_t k = 0; k < p.w.cols; ++k) {
        const int64_t place = k * p.w.rows + o;
        column[static_cast<size_t>(k)] = element(p.w, place / p.w.cols, place % p.w.cols);
      }
      of_output = o;
    }
    double sum = 0;
    for (int64_t k = 0; k < p.w.cols; ++k) sum += double{column[static_cast<size_t>(k)]} * x_of(p, t, k);
    return sum;
  };
  return with_outputs(p, draw, value, 8);  // each takes a number from every block
}

Defective next_row(const Product& p, uint64_t draw, double) {
  return with_outputs(p, draw, [&](int64_t t, int64_t o) { return y_of(p, t, (o + 1) % p.w.rows); });
}

Defective short_sum(const Product& p, uint64_t draw, double size) {
  std::vector<float> row;
  int64_t of_output = -1;
  return with_outputs(p, draw, [&](int64_t t, int64_t o) {
    if (o != of_output) {
      row = decoded(p.w.type, p.w.row(o));
      of_output = o;
    }
    double sum = 0;
    for (int64_t k = 0; k < p.w.cols; ++k) {
      sum = rounded_to(sum + double{row[static_cast<size_t>(k)]} * x_of(p, t, k), static_cast<int>(size));
    }
    return sum;
  });
}

constexpr std::array kOneSize = {1.0};
constexpr std::array kScaleSizes = {0x1p0 * 0.02,   0x1p-1 * 0.02, 0x1p-2 * 0.02,  0x1p-3 * 0.02,
                                    0x1p-4 * 0.02,  0x1p-5 * 0.02, 0x1p-6 * 0.02,  0x1p-7 * 0.02,
                                    0x1p-8 * 0.02,  0x1p-9 * 0.02, 0x1p-10 * 0.02, 0x1p-11 * 0.02,
                                    0x1p-12 * 0.02, 0x1p-13 * 0.02};
constexpr std::array kBits = {8., 9., 10., 11., 12., 13., 14., 15., 16., 17., 18., 19., 20., 21., 22., 23.};

constexpr std::array kDefects = {
    Defect{"one wrong nibble", "", Reach::one_output, kOneSize, nullptr, wrong_nibble},
    Defect{"one block's scale off", "of the scale", Reach::one_output, kScaleSizes, is_block_type, scale_off},
    Defect{"two weights swapped", "", Reach::one_output, kOneSize, nullptr, swapped},
    Defect{"last product dropped", "", Reach::all_outputs, kOneSize, nullptr, last_dropped},
    Defect{"operand transposed", "", Reach::all_outputs, kOneSize, nullptr, transposed},
    Defect{"rows off by one", "", Reach::all_outputs, kOneSize, nullptr, next_row},
    Defect{"sum kept in f16", "bits", Reach::all_outputs, std::span(kBits).subspan(3), nullptr, short_sum},
    Defect{"output rounded to bf16", "bits", Reach::any_op, kBits, nullptr, nullptr},
    Defect{"output rounded to f16", "bits", Reach::any_op, std::span(kBits).subspan(3), nullptr, nullptr},
};

}  // namespace

std::span<const Defect> all_defects() { return kDefects; }

float rounded_to(double value, int bits) {
  if (!std::isfinite(value)) return static_cast<float>(value);
  // The bits of a double are in the order of the numbers, so a carry out of the significand is right.
  const int dropped = 53 - bits;
  const auto whole = std::bit_cast<uint64_t>(value);
  const uint64_t below_half = (uint64_t{1} << (dropped - 1)) - 1;
  const uint64_t is_odd = (whole >> dropped) & 1;
  return static_cast<float>(std::bit_cast<double>((whole + below_half + is_odd) >> dropped << dropped));
}

}  // namespace kilter
