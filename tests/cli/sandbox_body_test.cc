#include "cli/sandbox_body.h"

#include <gtest/gtest.h>

namespace mayfly::cli {

namespace {

std::string text(const Result<json::object>& body) {
  return body ? boost::json::serialize(*body) : "error: " + body.error().message;
}

}  // namespace

TEST(CreateBody, HoldsOnlyWhatWasGiven) {
  EXPECT_EQ(text(create_body({})), "{}");

  CreateOptions options;
  options.image = "busybox";
  options.labels = {"a=b", "c=d=e", "f="};
  options.memory_mb = 64;
  options.lifetime.idle = "15m";
  options.exclude = {"/tmp"};

  EXPECT_EQ(text(create_body(options)),
            R"({"image":"busybox","labels":{"a":"b","c":"d=e","f":""},"exclude":["/tmp"],)"
            R"("resources":{"memory_mb":64},"lifetime":{"idle_seconds":9E2}})");
}

TEST(CreateBody, TakesAVariableFromHereOnlyWhereItIsSet) {
  ::setenv("MAYFLY_TEST_VARIABLE", "from here", 1);
  CreateOptions options;
  options.env = {"MAYFLY_TEST_VARIABLE", "B=2"};
  EXPECT_EQ(text(create_body(options)), R"({"env":{"MAYFLY_TEST_VARIABLE":"from here","B":"2"}})");

  ::unsetenv("MAYFLY_TEST_VARIABLE");
  EXPECT_EQ(create_body(options).error().code, Code::invalid);
  options.env = {"=x"};
  EXPECT_FALSE(create_body(options));
  options.env = {};
  options.labels = {"HOME"};
  EXPECT_FALSE(create_body(options)) << "a label is never taken from the environment";
}

TEST(CreateBody, MountsVolumesAtPaths) {
  CreateOptions options;
  options.mounts = {"data:/data", "vol_1:/a:b:ro"};
  EXPECT_EQ(text(create_body(options)), R"({"mounts":[{"volume":"data","path":"/data","read_only":false},)"
                                        R"({"volume":"vol_1","path":"/a:b","read_only":true}]})");
  for (const auto* wrong : {"data", "data:", ":/data", "data:relative", "data::ro", ""}) {
    options.mounts = {wrong};
    EXPECT_EQ(text(create_body(options)).find("error: --mount"), 0u) << wrong;
  }
}

TEST(LifetimeBody, TellsAbsentFromNever) {
  EXPECT_EQ(text(lifetime_body({})), "{}");
  EXPECT_EQ(text(lifetime_body({.max_age = "never", .idle = {}, .at = "never", .limit = "1d", .on_expiry = {}})),
            R"({"max_age_seconds":null,"limit_seconds":8.64E4,"at":null})");
  EXPECT_EQ(
      text(lifetime_body({.max_age = {}, .idle = {}, .at = "2026-11-21T10:30:00Z", .limit = {}, .on_expiry = {}})),
      R"({"at":"2026-11-21T10:30:00Z"})");
}

TEST(LifetimeBody, HasOneActionForAllClocksOrOneForEach) {
  LifetimeOptions options;
  options.on_expiry = {"stop"};
  EXPECT_EQ(text(lifetime_body(options)), R"({"on_expiry":"stop"})");
  options.on_expiry = {"idle=pause", "max-age=delete"};
  EXPECT_EQ(text(lifetime_body(options)), R"({"on_expiry":{"idle":"pause","max_age":"delete"}})");
  options.on_expiry = {"idle=pause", "stop"};
  EXPECT_FALSE(lifetime_body(options));
  options.on_expiry = {"bogus=stop"};
  EXPECT_FALSE(lifetime_body(options));
}

TEST(ExecBody, NamesTheOptionThatIsWrong) {
  EXPECT_FALSE(exec_body({}));
  ExecOptions options;
  options.command = {"ls", "-la", ""};
  EXPECT_EQ(text(exec_body(options)), R"({"command":["ls","-la",""]})");
  options.timeout = "soon";
  EXPECT_TRUE(exec_body(options).error().message.starts_with("--timeout: expected a duration"));
}

}  // namespace mayfly::cli
