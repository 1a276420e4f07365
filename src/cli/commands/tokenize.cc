#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/utf8.h"
#include "cli/args.h"
#include "cli/command.h"
#include "cli/json_text.h"
#include "cli/model_path.h"
#include "cli/output.h"
#include "cli/read_input.h"
#include "cli/table.h"
#include "gguf/file.h"
#include "text/tokenizer.h"

namespace kilter::cli {
namespace {

namespace json = boost::json;

std::string hex(std::string_view bytes) {
  std::vector<std::string> pairs;
  for (const char c : bytes) pairs.push_back(fmt::format("{:02x}", static_cast<unsigned char>(c)));
  return fmt::format("{}", fmt::join(pairs, " "));
}

std::string token_table(const text::Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  Table table({{"id", Align::right}, {"entry"}, {"text"}, {"bytes"}});
  for (const int32_t id : ids) {
    const std::string piece = tokenizer.piece(id);
    const std::string shown = tokenizer.is_control(id) ? "(control)" : double_quoted(piece);
    table.add({fmt::format("{}", id), quoted(tokenizer.entry(id)), shown, hex(piece)});
  }
  return table.text();
}

std::string token_json(const text::Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  json::array tokens;
  for (const int32_t id : ids) {
    const std::string piece = tokenizer.piece(id);
    tokens.push_back(json::object{{"id", id},
                                  {"entry", json_string(tokenizer.entry(id))},
                                  {"text", json_string(piece)},
                                  {"bytes", hex(piece)},
                                  {"control", tokenizer.is_control(id)}});
  }
  return json_text(json::object{{"tokenizer", json_string(tokenizer.model())},
                                {"pre_tokenizer", json_string(tokenizer.pre())},
                                {"count", ids.size()},
                                {"ids", json::array(ids.begin(), ids.end())},
                                {"tokens", std::move(tokens)}});
}

class Tokenize : public Command {
 public:
  const CommandInfo& info() const override;
  std::vector<Option> options() override;
  Result<ExitCode> run(Context& context) override;

 private:
  std::string report(const text::Tokenizer& tokenizer, const std::vector<int32_t>& ids) const;

  std::string model_;
  std::string text_;
  bool ids_ = false;
  bool pieces_ = false;
  bool json_ = false;
  bool no_bos_ = false;
  bool no_special_ = false;
};

const CommandInfo& Tokenize::info() const {
  static const CommandInfo info = {
      .name = "tokenize",
      .summary = "Show how a text becomes tokens",
      .description =
          "Prints a line for each token: its id, its entry in the vocabulary, the text that it stands for, "
          "and the "
          "bytes of that text in hexadecimal. A token may hold part of a character, so text that is not "
          "UTF-8 is "
          "shown escaped.\n\n"
          "Only the vocabulary of MODEL is used: a file without weights will do.",
      .examples = {{"kilter tokenize model.gguf 'Hello, world'", "one line a token"},
                   {"kilter tokenize model.gguf 'Hello, world' --ids", "ids, separated by commas"},
                   {"kilter tokenize model.gguf - --json <story.txt", "a whole file, for a program"}},
      .exits = {{ExitCode::corrupt, "MODEL is no valid GGUF file, or its vocabulary is broken"},
                {ExitCode::unsupported, "the vocabulary is of a kind that kilter does not know"}},
  };
  return info;
}

std::vector<Option> Tokenize::options() {
  return {
      {.names = "MODEL",
       .target = &model_,
       .help = "A GGUF file, or the spec of a pulled one.",
       .completes = Completes::model},
      {.names = "TEXT",
       .target = &text_,
       .help = "The text; - reads standard input, to its end and with all its line ends."},
      {.names = "--ids", .target = &ids_, .help = "Print the ids only, on one line, separated by commas."},
      {.names = "--pieces", .target = &pieces_, .help = "Print the text of each token on a line, quoted."},
      {.names = "--no-bos",
       .target = &no_bos_,
       .help = "Leave out the tokens that the vocabulary wants at the beginning and the end."},
      {.names = "--no-special",
       .target = &no_special_,
       .help = "Take the names of special tokens, such as <|im_start|>, as letters."},
      json_option(json_),
  };
}

Result<ExitCode> Tokenize::run(Context& context) {
  const std::array<Flag, 3> formats = {{{"--ids", ids_}, {"--pieces", pieces_}, {"--json", json_}}};
  KILTER_TRY(at_most_one(formats));
  KILTER_ASSIGN(const std::string path, find_model(model_, context.environment));
  KILTER_ASSIGN(const gguf::File file, gguf::File::open(path));
  KILTER_ASSIGN(const auto tokenizer, text::Tokenizer::from_metadata(file.metadata()));
  if (text_ == "-") {
    KILTER_ASSIGN(text_, read_standard_input());
  }
  const text::EncodeOptions encode = {
      .special = no_special_ ? text::SpecialTokens::as_text : text::SpecialTokens::recognise,
      .begin_end = no_bos_ ? text::BeginEnd::leave_out : text::BeginEnd::add};
  context.out.write(report(*tokenizer, tokenizer->encode(text_, encode)));
  return ExitCode::ok;
}

std::string Tokenize::report(const text::Tokenizer& tokenizer, const std::vector<int32_t>& ids) const {
  if (ids_) return fmt::format("{}\n", fmt::join(ids, ","));
  if (json_) return token_json(tokenizer, ids);
  if (!pieces_) return token_table(tokenizer, ids);
  std::string lines;
  for (const int32_t id : ids) lines += double_quoted(tokenizer.piece(id)) + "\n";
  return lines;
}

}  // namespace

std::unique_ptr<Command> make_tokenize() { return std::make_unique<Tokenize>(); }

}  // namespace kilter::cli
