#include "cli/args.h"

#include <gtest/gtest.h>

#include <set>

#include "cli/help.h"
#include "cli/interrupt.h"

namespace kilter::cli {
namespace {

Result<Invocation> parse(std::vector<std::string> words) { return parse_command_line(words); }

TEST(Args, FindsTheCommand) {
  const auto invocation = parse({"tokenize", "m.gguf", "text"});
  ASSERT_TRUE(invocation.ok());
  EXPECT_EQ(invocation->command->info().name, "tokenize");
  EXPECT_EQ(invocation->wish, Invocation::Wish::run);
}

TEST(Args, HelpWinsOverEverythingElse) {
  const auto invocation = parse({"tokenize", "--no-such-option", "-h"});
  ASSERT_TRUE(invocation.ok());
  EXPECT_EQ(invocation->wish, Invocation::Wish::help);
}

TEST(Args, AValueMayLookLikeAnOptionOrBeEmpty) {
  EXPECT_TRUE(parse({"pull", "x", "-o", "--strange"}).ok());
  EXPECT_TRUE(parse({"pull", "x", "--output="}).ok());
  EXPECT_TRUE(parse({"pull", "--output=[a,b]", "x"}).ok());
  EXPECT_TRUE(parse({"tokenize", "m", "[a,b]"}).ok());
  EXPECT_TRUE(parse({"tokenize", "m", ""}).ok());
  EXPECT_TRUE(parse({"tokenize", "m", "--", "--output="}).ok());
  EXPECT_TRUE(parse({"tokenize", "m", "-"}).ok());
}

TEST(Args, NoTwoOfTheseFlags) {
  EXPECT_TRUE(at_most_one(std::vector<Flag>{{"--a", true}, {"--b", false}}).ok());
  const Status both = at_most_one(std::vector<Flag>{{"--a", true}, {"--b", false}, {"--c", true}});
  ASSERT_FALSE(both.ok());
  EXPECT_EQ(both.error().message(), "--a and --c exclude each other; leave one out");
}

/// A command that lacks one of these teaches nobody.
TEST(Commands, SayWhatTheyAre) {
  std::set<std::string_view> names;
  for (const auto& command : all_commands()) {
    const CommandInfo& info = command->info();
    EXPECT_TRUE(names.insert(info.name).second) << info.name << " is there twice";
    EXPECT_FALSE(info.summary.empty() || info.summary.ends_with('.')) << info.name;
    EXPECT_FALSE(info.description.empty()) << info.name;
    EXPECT_FALSE(info.examples.empty()) << info.name;
    std::set<std::string_view> spellings = {"-h", "--help"};
    for (const Option& option : command->options()) {
      EXPECT_TRUE(option.help.ends_with('.')) << info.name << " " << option.names;
      EXPECT_EQ(option.value.empty(), option.positional() || option.is_flag())
          << info.name << " " << option.names;
      for (const auto spelling : option.spellings()) {
        EXPECT_TRUE(spellings.insert(spelling).second) << info.name << " " << spelling << " is there twice";
      }
    }
  }
}

TEST(Commands, ExamplesAreOfTheCommand) {
  for (const auto& command : all_commands()) {
    for (const Example& example : command->info().examples) {
      const std::string start = "kilter " + std::string(command->info().name);
      EXPECT_NE(example.command.find(start), std::string_view::npos) << example.command;
    }
  }
}

TEST(Help, WrapsWords) {
  EXPECT_EQ(wrapped("one two three", 0, 7), "one two\nthree");
  EXPECT_EQ(wrapped("one two", 2, 6), "one\n  two");
  EXPECT_EQ(wrapped("one\n\ntwo", 0, 20), "one\n\ntwo");
  EXPECT_EQ(wrapped("averylongword x", 0, 4), "averylongword\nx");
}

TEST(ExitCodes, EveryErrorHasOne) {
  for (const ErrorCode code :
       {ErrorCode::usage, ErrorCode::not_found, ErrorCode::io, ErrorCode::corrupt, ErrorCode::unsupported,
        ErrorCode::mismatch, ErrorCode::memory, ErrorCode::interrupted}) {
    EXPECT_NE(exit_code_for(code), ExitCode::ok);
  }
  EXPECT_EQ(exit_code_for(interrupted_error().code), ExitCode::interrupted);
}

}  // namespace
}  // namespace kilter::cli
