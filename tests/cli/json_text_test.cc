#include "cli/json_text.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>
#include <limits>

namespace kilter::cli {
namespace {

namespace json = boost::json;

TEST(JsonText, KeepsTheOrderAndIndents) {
  const json::object value = {{"zebra", 1}, {"apple", json::object{{"x", true}, {"y", nullptr}}}};
  EXPECT_EQ(json_text(value),
            "{\n"
            "  \"zebra\": 1,\n"
            "  \"apple\": {\n"
            "    \"x\": true,\n"
            "    \"y\": null\n"
            "  }\n"
            "}\n");
}

TEST(JsonText, PlainArraysStandOnOneLine) {
  EXPECT_EQ(json_text(json::array{1, 2, 3}), "[1, 2, 3]\n");
  EXPECT_EQ(json_text(json::array{json::array{1}, json::array{}}), "[\n  [1],\n  []\n]\n");
  EXPECT_EQ(json_text(json::object{}), "{}\n");
}

TEST(JsonText, NumbersReadBackAsTheSame) {
  for (const double number :
       {0.1, 1.0 / 3, 1e-300, -2.5, 123456789.125, std::numeric_limits<double>::max()}) {
    EXPECT_EQ(json::parse(json_text(number)).to_number<double>(), number);
  }
  EXPECT_EQ(json_text(0.1), "0.1\n");
  EXPECT_EQ(json_text(uint64_t{18446744073709551615u}), "18446744073709551615\n");
}

TEST(JsonText, HasNoNaN) {
  const json::array odd = {std::numeric_limits<double>::quiet_NaN(), HUGE_VAL, -HUGE_VAL};
  EXPECT_EQ(json_text(odd), "[null, null, null]\n");
}

TEST(JsonText, StringsAreEscapedAndUtf8) {
  EXPECT_EQ(json_text("a\"b\\c\n"), "\"a\\\"b\\\\c\\n\"\n");
  EXPECT_EQ(json_text("\xc3\xa9\xff"), "\"\xc3\xa9\xef\xbf\xbd\"\n");
  EXPECT_EQ(json_string("\xe2\x80 x"), "\xef\xbf\xbd\xef\xbf\xbd x");
}

}  // namespace
}  // namespace kilter::cli
