#include "cli/option.h"

#include <gtest/gtest.h>

namespace kilter::cli {
namespace {

std::string sentence(const Status& status) { return status.ok() ? "" : status.error().message(); }

Status give(const Option& option, std::vector<std::string> values) { return assign(option, values); }

TEST(Option, Spellings) {
  bool flag = false;
  const Option option{.names = "-n,--max-tokens", .target = &flag, .help = ""};
  EXPECT_EQ(option.spellings(), (std::vector<std::string_view>{"-n", "--max-tokens"}));
  EXPECT_EQ(option.name(), "--max-tokens");
  EXPECT_FALSE(option.positional());
  EXPECT_TRUE((Option{.names = "MODEL", .target = &flag, .help = ""}).positional());
}

TEST(Option, Numbers) {
  int64_t count = 7;
  const Option option{.names = "-n", .value = "N", .target = &count, .help = "", .range = {0, 100}};
  EXPECT_EQ(default_text(option), "7");
  EXPECT_TRUE(give(option, {"42"}).ok());
  EXPECT_EQ(count, 42);
  for (const char* wrong : {"", "x", "4 2", "42x", "4.5", "-1", "101", "99999999999999999999"}) {
    EXPECT_EQ(sentence(give(option, {wrong})),
              "-n: needs a whole number from 0 to 100, got '" + std::string(wrong) + "'");
  }
  EXPECT_EQ(count, 42) << "an error changes nothing";
  EXPECT_EQ(sentence(give(option, {"1", "2"})), "-n: is given twice");
}

TEST(Option, RealNumbersAreFinite) {
  double temperature = 0.8;
  const Option option{
      .names = "--temp", .value = "T", .target = &temperature, .help = "", .range = {.min = 0}};
  EXPECT_EQ(default_text(option), "0.8");
  EXPECT_TRUE(give(option, {"1e-1"}).ok());
  EXPECT_EQ(temperature, 0.1);
  EXPECT_EQ(sentence(give(option, {"nan"})), "--temp: needs a number, at least 0, got 'nan'");
  EXPECT_EQ(sentence(give(option, {"-0.5"})), "--temp: needs a number, at least 0, got '-0.5'");
}

TEST(Option, TextThatMayBeAbsent) {
  std::optional<std::string> prompt;
  const Option option{.names = "-p", .value = "TEXT", .target = &prompt, .help = ""};
  EXPECT_EQ(default_text(option), "");
  EXPECT_TRUE(give(option, {""}).ok());
  EXPECT_EQ(prompt, "");
}

TEST(Option, ListsTakeEveryOccurrence) {
  std::vector<std::string> stop;
  const Option option{.names = "--stop", .value = "TEXT", .target = &stop, .help = ""};
  EXPECT_TRUE(give(option, {"a", "b,c"}).ok());
  EXPECT_EQ(stop, (std::vector<std::string>{"a", "b,c"}));
}

TEST(Option, Choices) {
  std::string shell;
  const Option option{.names = "SHELL", .target = &shell, .help = "", .choices = {"bash", "zsh"}};
  EXPECT_TRUE(give(option, {"zsh"}).ok());
  EXPECT_EQ(sentence(give(option, {"bsah"})), "SHELL: 'bsah' is none of: bash, zsh; did you mean bash?");
}

TEST(Option, FlagsTakeNoValue) {
  bool json = false;
  const Option option = json_option(json);
  EXPECT_EQ(default_text(option), "");
  EXPECT_EQ(sentence(give(option, {"3"})), "--json: takes no value, got '3'");
  EXPECT_FALSE(json);
  EXPECT_TRUE(give(option, {}).ok());
  EXPECT_TRUE(json);
}

}  // namespace
}  // namespace kilter::cli
