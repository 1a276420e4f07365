#include "model/random/shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "model/random/vocabulary.h"

namespace kilter {
namespace {

// The measures of the models people run: the config.json beside each on its publisher's page.
constexpr std::array kShapes = {
    NamedShape{"tinyllama", "TinyLlama 1.1B",
               "n_layer=22 n_embd=2048 n_head=32 n_head_kv=4 n_ff=5632 n_vocab=32000 n_ctx=2048"},
    NamedShape{"llama2-7b", "Llama 2 7B",
               "n_layer=32 n_embd=4096 n_head=32 n_head_kv=32 n_ff=11008 n_vocab=32000 n_ctx=4096"},
    NamedShape{"llama3-8b", "Llama 3 8B",
               "n_layer=32 n_embd=4096 n_head=32 n_head_kv=8 n_ff=14336 n_vocab=128256 n_ctx=8192 "
               "vocabulary=llama3 rope_base=500000"},
    NamedShape{"llama3.2-1b", "Llama 3.2 1B: tied, with rope_freqs",
               "n_layer=16 n_embd=2048 n_head=32 n_head_kv=8 n_ff=8192 n_vocab=128256 n_ctx=131072 "
               "vocabulary=llama3 rope_base=500000 rope_freqs=on tied=on"},
    NamedShape{"mistral-7b", "Mistral 7B v0.1",
               "n_layer=32 n_embd=4096 n_head=32 n_head_kv=8 n_ff=14336 n_vocab=32000 n_ctx=32768"},
    NamedShape{"smollm2-135m", "SmolLM2 135M: tied, rows that are not whole K-quant blocks",
               "n_layer=30 n_embd=576 n_head=9 n_head_kv=3 n_ff=1536 n_vocab=49152 n_ctx=8192 "
               "vocabulary=smollm rope_base=100000 tied=on"},
    NamedShape{"qwen2-0.5b", "Qwen2 0.5B: biases on q, k and v, tied",
               "n_layer=24 n_embd=896 n_head=14 n_head_kv=2 n_ff=4864 n_vocab=151936 n_ctx=32768 "
               "arch=qwen2 vocabulary=qwen2 rope_base=1000000 rms_eps=1e-6 tied=on"},
    NamedShape{"tiny", "two layers of Llama, two query heads to a key head", ""},
    NamedShape{"tiny-tied", "tiny with a tied output and every bias", "tied=on biases=on"},
    NamedShape{"tiny-odd",
               "tiny with rows that are not whole K-quant blocks, and heads wider than n_embd / n_head",
               "n_embd=288 n_head=6 n_head_kv=1 n_ff=736 key_length=64 value_length=64"},
    NamedShape{"tiny-linear", "tiny with linearly scaled positions",
               "n_ctx=2048 rope_scaling=linear rope_factor=4"},
    NamedShape{"tiny-yarn", "tiny with YaRN", "n_ctx=2048 rope_scaling=yarn rope_factor=4"},
    NamedShape{"tiny-llama3", "tiny with a byte-level BPE vocabulary and rope_freqs",
               "vocabulary=llama3 n_vocab=1024 rope_base=500000 rope_freqs=on"},
    NamedShape{"tiny-qwen2", "two layers of Qwen2",
               "arch=qwen2 vocabulary=qwen2 n_vocab=1024 rope_base=1000000 rms_eps=1e-6 tied=on"},
    NamedShape{"tiny-qwen3", "two layers of Qwen3",
               "arch=qwen3 vocabulary=qwen2 n_vocab=1024 rope_base=1000000 rms_eps=1e-6 key_length=32 "
               "value_length=32"},
};

struct CountMeasure {
  std::string_view name;
  int64_t ModelShape::*member;
  int64_t least;
  int64_t largest;
};
constexpr int64_t kLargest = int64_t{1} << 20;
constexpr std::array kCounts = {
    CountMeasure{"n_layer", &ModelShape::n_layer, 1, 4096},
    CountMeasure{"n_embd", &ModelShape::n_embd, 1, kLargest},
    CountMeasure{"n_head", &ModelShape::n_head, 1, kLargest},
    CountMeasure{"n_head_kv", &ModelShape::n_head_kv, 1, kLargest},
    CountMeasure{"n_ff", &ModelShape::n_ff, 1, kLargest},
    CountMeasure{"n_vocab", &ModelShape::n_vocab, 1, kLargest},
    CountMeasure{"n_ctx", &ModelShape::n_ctx, 1, int64_t{1} << 30},
    CountMeasure{"key_length", &ModelShape::key_length, 0, kLargest},
    CountMeasure{"value_length", &ModelShape::value_length, 0, kLargest},
    CountMeasure{"rope_orig_ctx", &ModelShape::rope_orig_ctx, 0, int64_t{1} << 30},
};

struct NumberMeasure {
  std::string_view name;
  double ModelShape::*member;
  double least;
  double largest;
};
constexpr std::array kNumbers = {
    NumberMeasure{"rope_base", &ModelShape::rope_base, 1.5, 1e12},
    NumberMeasure{"rope_factor", &ModelShape::rope_factor, 0.01, 1e6},
    NumberMeasure{"rms_eps", &ModelShape::rms_eps, 1e-30, 1},
};

struct SwitchMeasure {
  std::string_view name;
  bool ModelShape::*member;
};
constexpr std::array kSwitches = {
    SwitchMeasure{"rope_freqs", &ModelShape::rope_freqs},
    SwitchMeasure{"tied", &ModelShape::tied},
    SwitchMeasure{"biases", &ModelShape::biases},
    SwitchMeasure{"pure", &ModelShape::pure},
};

struct WordMeasure {
  std::string_view name;
  std::string ModelShape::*member;
  std::string_view (*choices)();
};

std::string_view architecture_names() {
  static const std::string kNames = [] {
    std::string names;
    for (const Architecture* a : all_architectures()) {
      if (!names.empty()) names += "|";
      names += a->name;
    }
    return names;
  }();
  return kNames;
}

constexpr std::array kWords = {
    WordMeasure{"arch", &ModelShape::arch, architecture_names},
    WordMeasure{"vocabulary", &ModelShape::vocabulary, vocabulary_names},
    WordMeasure{"rope_scaling", &ModelShape::rope_scaling,
                [] { return std::string_view("none|linear|yarn"); }},
};

Error wrong_value(std::string_view key, std::string_view value, std::string_view expected) {
  return {ErrorCode::usage, fmt::format("--set {}", key), fmt::format("'{}' is not {}", value, expected), ""};
}

// The whole text as a number in [least, largest].
template <typename Number>
Status parse_into(Number& target, std::string_view key, std::string_view value, Number least,
                  Number largest) {
  Number number{};
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool whole = error == std::errc() && end == value.data() + value.size();
  if (!whole || !(number >= least && number <= largest)) {
    return wrong_value(key, value, fmt::format("a number from {} to {}", least, largest));
  }
  target = number;
  return {};
}

// The row called `name`, or null.
template <typename Table>
auto find_row(const Table& table, std::string_view name) -> decltype(&table[0]) {
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const auto& row) { return row.name == name; });
  return found == table.end() ? nullptr : &*found;
}

// Cuts `text` at the first `separator`: returns what is before, leaves what is after.
std::string_view take_word(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

bool is_choice(std::string_view choices, std::string_view value) {
  while (!choices.empty()) {
    if (take_word(choices, '|') == value) return true;
  }
  return false;
}

Error broken(std::string_view measure, std::string sentence, std::string cure) {
  return {ErrorCode::usage, std::string(measure), std::move(sentence), std::move(cure)};
}

Status check_heads(const ModelShape& s) {
  if (s.n_head % s.n_head_kv != 0) {
    return broken("n_head",
                  fmt::format("{} query heads cannot share {} key heads evenly", s.n_head, s.n_head_kv),
                  "make n_head a multiple of n_head_kv");
  }
  if (s.n_embd % s.n_head != 0 && (s.key_length == 0 || s.value_length == 0)) {
    return broken("n_embd", fmt::format("{} is not a multiple of n_head {}", s.n_embd, s.n_head),
                  "change one of them, or set key_length and value_length");
  }
  if (s.head_width_k() % 2 != 0) {
    return broken("key_length",
                  fmt::format("a head of {} numbers cannot be turned in pairs", s.head_width_k()),
                  "make it even");
  }
  const int64_t wider = std::max(s.head_width_k(), s.head_width_v());
  if (s.n_head > kLargest / wider) {
    return broken("n_head", fmt::format("{} heads of {} numbers are more than {}", s.n_head, wider, kLargest),
                  "");
  }
  return {};
}

Status check_rope(const ModelShape& s) {
  if (s.rope_scaling == "none" && s.rope_factor != 1) {
    return broken("rope_factor", fmt::format("{} has no effect without rope_scaling", s.rope_factor),
                  "set rope_scaling=linear or rope_scaling=yarn too");
  }
  if (s.rope_orig_ctx > s.n_ctx) {
    return broken("rope_orig_ctx", fmt::format("{} is longer than n_ctx {}", s.rope_orig_ctx, s.n_ctx), "");
  }
  return {};
}

}  // namespace

std::span<const NamedShape> all_shapes() { return kShapes; }

Result<ModelShape> find_shape(std::string_view name) {
  const NamedShape* named = find_row(kShapes, name);
  if (named == nullptr) {
    std::string known;
    for (const NamedShape& shape : kShapes) {
      if (!known.empty()) known += ", ";
      known += shape.name;
    }
    return Error{ErrorCode::usage, "--shape", fmt::format("'{}' is not a shape", name),
                 "choose one of " + known};
  }
  ModelShape shape;
  std::string_view rest = named->measures;
  while (!rest.empty()) KILTER_TRY(set_measure(shape, take_word(rest, ' ')));
  return shape;
}

Status set_measure(ModelShape& shape, std::string_view setting) {
  std::string_view value = setting;
  const std::string_view key = take_word(value, '=');
  if (const auto* m = find_row(kCounts, key))
    return parse_into(shape.*m->member, key, value, m->least, m->largest);
  if (const auto* m = find_row(kNumbers, key))
    return parse_into(shape.*m->member, key, value, m->least, m->largest);
  if (const auto* m = find_row(kSwitches, key)) {
    if (value != "on" && value != "off") return wrong_value(key, value, "on or off");
    shape.*m->member = value == "on";
    return {};
  }
  if (const auto* m = find_row(kWords, key)) {
    if (!is_choice(m->choices(), value))
      return wrong_value(key, value, fmt::format("one of {}", m->choices()));
    shape.*m->member = value;
    return {};
  }
  return Error{ErrorCode::usage, fmt::format("--set {}", setting),
               fmt::format("there is no measure '{}'", key), "choose one of " + measures_help()};
}

std::string measures_help() {
  std::string help;
  const auto add = [&](std::string_view entry) {
    if (!help.empty()) help += ", ";
    help += entry;
  };
  for (const CountMeasure& m : kCounts) add(fmt::format("{}={}..{}", m.name, m.least, m.largest));
  for (const NumberMeasure& m : kNumbers) add(fmt::format("{}={}..{}", m.name, m.least, m.largest));
  for (const SwitchMeasure& m : kSwitches) add(fmt::format("{}=on|off", m.name));
  for (const WordMeasure& m : kWords) add(fmt::format("{}={}", m.name, m.choices()));
  return help;
}

Status check_shape(const ModelShape& shape) {
  KILTER_TRY(check_heads(shape));
  KILTER_TRY(check_rope(shape));
  return {};
}

}  // namespace kilter
