#include "text/pre_tokenizers.h"

#include <algorithm>

// Names, flags and rules: facts from llama.cpp, src/llama-vocab.cpp and src/unicode.cpp (as packaged in
// llama-cpp-python 0.3.36), which took them from the models' tokenizer.json files. Where that source notes a
// model's own expression beside a simplified one (upper and lower case told apart in ASCII only, Han as
// blocks, digit groups by hand), the model's own is used here.
//
// Two changes keep every rule linear in the text without changing a match. Lookbehinds such as (?<!\d) stop a
// run from being tried again at each of its characters, and repeated groups are possessive. `(?i:'s)` is
// written with U+017F, which is a lower-case s when case is ignored.

namespace kilter::text {
namespace {

constexpr SplitKind isolate = SplitKind::isolate;

constexpr std::string_view kGpt2 =
    R"re('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)re";

constexpr std::string_view kLlama3 =
    R"re((?i:'[sſtmd]|'re|'ve|'ll)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)re"
    R"re(|\s*[\r\n]+|\s+(?!\S)|\s+)re";

constexpr std::string_view kQwen2 =
    R"re((?i:'[sſtmd]|'re|'ve|'ll)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)re"
    R"re(|\s*[\r\n]+|\s+(?!\S)|\s+)re";

constexpr std::string_view kUfakzeka =
    R"re([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";

constexpr std::string_view kMinicpm5 =
    R"re((?i:'[sſtmd]|'re|'ve|'ll)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*)re"
    R"re(|\s*[\r\n]+|\s+(?!\S)|\s+)re";

constexpr std::string_view kQwen35 = R"re((?i:'[sſtmd]|'re|'ve|'ll)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N})re"
                                     R"re(| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";

// A newline run is only looked for where a run of blanks begins: further in, none can follow.
constexpr std::string_view kJais2 =
    R"re((?i:'[sſtmd]|'re|'ve|'ll)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)re"
    R"re(|(?<![^\S\r\n])\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S))re"
    R"re(|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1})re";

constexpr std::string_view kSeedCoder =
    R"re((?i:'[sſtmd]|'re|'ve|'ll)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+)re"
    R"re(|\s*[\r\n]+|\s+(?!\S)|\s+)re";

constexpr std::string_view kBailingmoe =
    R"re('(?i:[sſdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+)re"
    R"re([\r\n]*|\s*[\r\n])re"
    R"re(|\s+(?!\S)|\s+)re";

constexpr std::string_view kExaoneMoe =
    R"re((?i:'[sſtmd]|'re|'ve|'ll)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*+(?: \p{L}\p{M}*+)*+)++|\p{N})re"
    R"re(| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)re";

constexpr std::string_view kTekken =
    R"re([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)re"
    R"re(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N})re"
    R"re(| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";

constexpr std::string_view kGpt4o =
    R"re([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)re"
    R"re((?i:'[sſtmd]|'re|'ve|'ll)?)re"
    R"re(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)re"
    R"re((?i:'[sſtmd]|'re|'ve|'ll)?)re"
    R"re(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";

constexpr std::string_view kYoutu =
    R"re([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)re"
    R"re((?i:'[stmd]|'re|'ve|'ll)?)re"
    R"re(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)re"
    R"re((?i:'[stmd]|'re|'ve|'ll)?)re"
    R"re(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";

constexpr std::string_view kKimiK2 = R"re([\p{Han}]+)re"
                                     R"re(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*)re"
                                     R"re([\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'[sſtmd]|'re|'ve|'ll)?)re"
                                     R"re(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+)re"
                                     R"re([\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'[sſtmd]|'re|'ve|'ll)?)re"
                                     R"re(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";

constexpr std::string_view kDeepseek3 =
    R"re([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)re"
    R"re(| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";

constexpr std::string_view kSpark25 =
    R"re([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)re"
    R"re(| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+)re";

constexpr std::string_view kBloom = R"re( ?[^(\s|.,!?…。，、।۔،)]+)re";

// The bicameral letters of some Unicode version, spelled out.
constexpr std::string_view kDeepseekLetters =
    R"re(\s?[)re"
    R"re(A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽ)re"
    R"re(ᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-)re"
    R"re(Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-)re"
    R"re(ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃)re"
    R"re(]+)re";

constexpr SplitRule kGpt2Rules[] = {
    {isolate, kGpt2},
};
constexpr SplitRule kSingleDigitRules[] = {
    {isolate, R"re(\p{N})re"},
    {isolate, kGpt2},
};
constexpr SplitRule kLlama3Rules[] = {
    {isolate, kLlama3},
};
constexpr SplitRule kJais2Rules[] = {
    {isolate, kJais2},
};
constexpr SplitRule kQwen2Rules[] = {
    {isolate, kQwen2},
};
constexpr SplitRule kQwen35Rules[] = {
    {isolate, kQwen35},
};
constexpr SplitRule kUfakzekaRules[] = {
    {isolate, kUfakzeka},
};
constexpr SplitRule kMinicpm5Rules[] = {
    {isolate, R"re(\p{N}{1,3})re"},
    {isolate, kMinicpm5},
};
constexpr SplitRule kSeedCoderRules[] = {
    {isolate, kSeedCoder},
};
constexpr SplitRule kBailingmoeRules[] = {
    {isolate, kBailingmoe},
};
constexpr SplitRule kExaoneMoeRules[] = {
    {isolate, kExaoneMoe},
};
constexpr SplitRule kTekkenRules[] = {
    {isolate, kTekken},
};
constexpr SplitRule kGpt4oRules[] = {
    {isolate, kGpt4o},
};
constexpr SplitRule kTinyAyaRules[] = {
    {SplitKind::isolate_threes, R"re((?<!\d)\d++(?!\w))re"},
    {isolate, kGpt4o},
};
constexpr SplitRule kKimiK2Rules[] = {
    {isolate, kKimiK2},
};
constexpr SplitRule kBloomRules[] = {
    {isolate, kBloom},
};
constexpr SplitRule kVikingRules[] = {
    {isolate, kBloom},
    {isolate, R"re(\p{N})re"},
};
constexpr SplitRule kDeepseekLlmRules[] = {
    {isolate, R"re([\r\n])re"},
    {isolate, kDeepseekLetters},
    {isolate, R"re(\s?[!-/:-~！-／：-～‘-‟　-。]+)re"},
    {isolate, R"re((?<!\s)\s++$)re"},
    {isolate, R"re([一-龥ࠀ-一가-퟿]+)re"},
    {isolate, R"re(\p{N}+)re"},
};
constexpr SplitRule kDeepseekCoderRules[] = {
    {isolate, R"re([\r\n])re"},    {isolate, R"re(\s?\p{L}+)re"},
    {isolate, R"re(\s?\p{P}+)re"}, {isolate, R"re([一-龥ࠀ-一가-퟿]+)re"},
    {isolate, R"re(\p{N})re"},
};
constexpr SplitRule kDeepseek3Rules[] = {
    {isolate, R"re(\p{N}{1,3})re"},
    {isolate, R"re([一-龥぀-ゟ゠-ヿ]+)re"},
    {isolate, kDeepseek3},
};
constexpr SplitRule kSpark25Rules[] = {
    {isolate, R"re(\p{N}{1,3})re"},
    {isolate, R"re([一-龥぀-ゟ゠-ヿ]+)re"},
    {isolate, kSpark25},
    {isolate, R"re(\p{N})re"},
};
constexpr SplitRule kYoutuRules[] = {
    {isolate,
     R"re([가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+)re"},
    {isolate, kYoutu},
};
constexpr SplitRule kFalconRules[] = {
    {isolate, R"re([\p{P}\$\+<=>\^~\|`]+)re"},
    {isolate, kGpt2},
    {isolate, R"re([0-9][0-9][0-9])re"},
};
constexpr SplitRule kDefaultRules[] = {
    {isolate, R"re([\p{P}\$\+<=>\^~\|]+)re"},
    {isolate, kGpt2},
    {isolate, R"re(\p{N}+)re"},
    {isolate, R"re([0-9][0-9][0-9])re"},
};
constexpr SplitRule kChameleonRules[] = {
    {isolate, R"re(<sentinel:[0-9]+>)re"},    {isolate, R"re(IMGIMG[A-I]{1,4}Z)re"},
    {isolate, R"re([\t\n]|    |  )re"},       {isolate, R"re(\p{N})re"},
    {isolate, R"re([\p{P}!-/:-@\[-`{-~])re"}, {isolate, kGpt2},
};
constexpr SplitRule kSuperbpeRules[] = {
    {isolate, R"re(\p{N}+)re"},
    {SplitKind::before_threes, R"re(\d++)re"},
};
constexpr SplitRule kAfmoeRules[] = {
    {SplitKind::isolate_threes, R"re(\p{N}++)re"},
    {isolate,
     R"re([一-鿿㐀-䶿豈-﫿぀-ゟ゠-ヿ･-ﾟ⼀-⿟เ-๿຀-໿ក-៿က-႟ꩠ-ꩿꧠ-꧿가-힯ᄀ-ᇿ]+)re"},
    {isolate, kDeepseek3},
};
constexpr SplitRule kLagunaRules[] = {
    {isolate, R"re([^\n]+|[\n]+)re"},
    {isolate, kQwen2},
};
constexpr SplitRule kLineRules[] = {
    {isolate, R"re([^\n]+|[\n]+)re"},
};
constexpr SplitRule kWhitespaceRules[] = {
    {isolate, R"re(\S+)re"},
};

constexpr PreTokenizer kPreTokenizers[] = {
    {.name = "a.x-4.0", .rules = kGpt2Rules},
    {.name = "afmoe", .rules = kAfmoeRules},
    {.name = "bailingmoe", .rules = kBailingmoeRules},
    {.name = "bailingmoe2", .rules = kBailingmoeRules},
    {.name = "bloom", .rules = kBloomRules},
    {.name = "chameleon", .rules = kChameleonRules, .bos = BosRule::add},
    {.name = "chatglm-bpe", .rules = kLlama3Rules},
    {.name = "codeshell", .rules = kSingleDigitRules},
    {.name = "cohere2moe", .rules = kTinyAyaRules},
    {.name = "command-r", .rules = kSingleDigitRules},
    {.name = "dbrx", .rules = kLlama3Rules},
    {.name = "deepseek-coder", .rules = kDeepseekCoderRules},
    {.name = "deepseek-llm", .rules = kDeepseekLlmRules},
    {.name = "deepseek-r1-qwen", .rules = kQwen2Rules},
    {.name = "deepseek-v3", .rules = kDeepseek3Rules},
    {.name = "default", .rules = kDefaultRules},
    {.name = "exaone", .rules = kSingleDigitRules},
    {.name = "exaone-moe", .rules = kExaoneMoeRules},
    {.name = "exaone4", .rules = kGpt2Rules},
    {.name = "f2llmv2", .rules = kQwen2Rules},
    {.name = "falcon", .rules = kFalconRules},
    {.name = "falcon-h1",
     .rules = kLlama3Rules,
     .whole_piece = WholePiece::take_if_entry,
     .bos = BosRule::add},
    {.name = "falcon3", .rules = kLlama3Rules, .whole_piece = WholePiece::take_if_entry, .bos = BosRule::add},
    {.name = "gemma4",
     .rules = kLineRules,
     .spelling = Spelling::utf8_lower_bar,
     .whole_piece = WholePiece::take_newlines,
     .bos = BosRule::always_add},
    {.name = "gigachat", .rules = kGpt2Rules},
    {.name = "glm4", .rules = kLlama3Rules, .whole_piece = WholePiece::take_if_entry},
    {.name = "glm5", .rules = kLlama3Rules, .whole_piece = WholePiece::take_if_entry},
    {.name = "gpt-2", .rules = kGpt2Rules},
    {.name = "gpt-4o", .rules = kGpt4oRules},
    {.name = "gpt3-finnish", .rules = kBloomRules},
    {.name = "granite-docling", .rules = kGpt2Rules},
    {.name = "granite-embed-multi-311m",
     .rules = kLineRules,
     .spelling = Spelling::utf8_lower_bar,
     .whole_piece = WholePiece::take_newlines,
     .bos = BosRule::always_add},
    {.name = "granite-embed-multi-97m", .rules = kGpt4oRules, .whole_piece = WholePiece::take_if_entry},
    {.name = "grok-2", .rules = kQwen2Rules},
    {.name = "hunyuan", .rules = kQwen2Rules},
    {.name = "hunyuan-dense", .rules = kDeepseek3Rules},
    {.name = "hy_v4", .rules = kDeepseek3Rules},
    {.name = "jais", .rules = kGpt2Rules},
    {.name = "jais-2", .rules = kJais2Rules},
    {.name = "jina-de", .rules = kGpt2Rules},
    {.name = "jina-es", .rules = kGpt2Rules},
    {.name = "jina-v1-en", .rules = kGpt2Rules},
    {.name = "jina-v2-code", .rules = kGpt2Rules},
    {.name = "jina-v2-de", .rules = kGpt2Rules},
    {.name = "jina-v2-es", .rules = kGpt2Rules},
    {.name = "jina-v5-nano",
     .rules = kLlama3Rules,
     .whole_piece = WholePiece::take_if_entry,
     .bos = BosRule::add},
    {.name = "joyai-llm", .rules = kDeepseek3Rules},
    {.name = "kanana2", .rules = kGpt4oRules},
    {.name = "kimi-k2", .rules = kKimiK2Rules},
    {.name = "kormo", .rules = kQwen2Rules},
    {.name = "laguna", .rules = kLagunaRules},
    {.name = "lfm2", .rules = kLlama3Rules, .whole_piece = WholePiece::take_if_entry, .bos = BosRule::add},
    {.name = "llada-moe", .rules = kBailingmoeRules},
    {.name = "llama-bpe",
     .rules = kLlama3Rules,
     .whole_piece = WholePiece::take_if_entry,
     .bos = BosRule::add},
    {.name = "llama-v3",
     .rules = kLlama3Rules,
     .whole_piece = WholePiece::take_if_entry,
     .bos = BosRule::add},
    {.name = "llama3", .rules = kLlama3Rules, .whole_piece = WholePiece::take_if_entry, .bos = BosRule::add},
    {.name = "llama4", .rules = kGpt4oRules},
    {.name = "megrez", .rules = kQwen2Rules},
    {.name = "mellum", .rules = kGpt2Rules},
    {.name = "mellum2", .rules = kSingleDigitRules},
    {.name = "midm-2.0",
     .rules = kLlama3Rules,
     .whole_piece = WholePiece::take_if_entry,
     .bos = BosRule::add},
    {.name = "minerva-7b", .rules = kSingleDigitRules},
    {.name = "minicpm5", .rules = kMinicpm5Rules, .whole_piece = WholePiece::take_if_entry},
    {.name = "minimax-m2", .rules = kGpt4oRules},
    {.name = "modern-bert", .rules = kGpt2Rules},
    {.name = "mpt", .rules = kGpt2Rules},
    {.name = "olmo", .rules = kGpt2Rules},
    {.name = "phi-2", .rules = kGpt2Rules},
    {.name = "pixtral", .rules = kLlama3Rules, .whole_piece = WholePiece::take_if_entry, .bos = BosRule::add},
    {.name = "poro-chat", .rules = kBloomRules},
    {.name = "qwen2", .rules = kQwen2Rules},
    {.name = "qwen35", .rules = kQwen35Rules},
    {.name = "refact", .rules = kSingleDigitRules},
    {.name = "roberta-bpe", .rules = kGpt2Rules},
    {.name = "sarvam-moe", .rules = kLineRules, .spelling = Spelling::utf8_lower_bar},
    {.name = "seed-coder", .rules = kSeedCoderRules},
    {.name = "smaug-bpe", .rules = kLlama3Rules},
    {.name = "smollm", .rules = kSingleDigitRules},
    {.name = "solar-open", .rules = kQwen2Rules},
    {.name = "spark2_5", .rules = kSpark25Rules},
    {.name = "stablelm2", .rules = kQwen2Rules},
    {.name = "starcoder", .rules = kSingleDigitRules},
    {.name = "superbpe", .rules = kSuperbpeRules},
    {.name = "talkie", .rules = kGpt4oRules},
    {.name = "tekken", .rules = kTekkenRules, .whole_piece = WholePiece::take_if_entry, .bos = BosRule::add},
    {.name = "tiny_aya", .rules = kTinyAyaRules},
    {.name = "trillion", .rules = kGpt2Rules},
    {.name = "ufakzeka", .rules = kUfakzekaRules},
    {.name = "viking", .rules = kVikingRules},
    {.name = "whitespace", .rules = kWhitespaceRules, .spelling = Spelling::utf8},
    {.name = "youtu", .rules = kYoutuRules, .whole_piece = WholePiece::take_if_entry},
};

}  // namespace

std::span<const PreTokenizer> all_pre_tokenizers() { return kPreTokenizers; }

const PreTokenizer* find_pre_tokenizer(std::string_view name) {
  const auto found = std::find_if(std::begin(kPreTokenizers), std::end(kPreTokenizers),
                                  [name](const PreTokenizer& row) { return row.name == name; });
  return found == std::end(kPreTokenizers) ? nullptr : found;
}

std::string pre_tokenizer_names() {
  std::string names;
  for (const PreTokenizer& row : kPreTokenizers) {
    if (!names.empty()) names += ", ";
    names += row.name;
  }
  return names;
}

}  // namespace kilter::text
