#include "cli/progress.h"

#include <gtest/gtest.h>

#include "cli/fake_server.h"
#include "cli/table.h"

namespace mayfly::cli {
namespace {

using namespace std::chrono_literals;

TEST(ProgressLine, SaysWhatIsKnownAndNoMore) {
  EXPECT_EQ(progress_line("get", 512, {}, 0ms, 80), "get  512 B");
  EXPECT_EQ(progress_line("get", 3 << 20, {}, 2000ms, 80), "get  3.0 MiB  1.5 MiB/s");
  EXPECT_EQ(progress_line("get", 0, 0, 0ms, 80), "get  0 B") << "nothing of nothing is no percentage";
  EXPECT_EQ(progress_line("get", 50, 100, 0ms, 38), "get  50 B of 100 B  50%  [=====     ]");
  EXPECT_EQ(progress_line("get", 200, 100, 0ms, 20), "get  200 B of 100 …") << "more than there should be is all";
}

TEST(ProgressLine, NeverWrapsTheLine) {
  for (std::size_t width = 2; width < 120; ++width)
    for (const std::uint64_t done : {0, 999, 5 << 20})
      EXPECT_LT(width_of(progress_line("download arc_1", done, 10 << 20, 1500ms, width)), width) << width;
}

TEST(Progress, IsForTerminalsOnly) {
  FakeServer server;
  server.answer("POST", "/v1/images/builds", 202, R"({"id":"bld_1","state":"queued","name":"x"})");
  server.answer("GET", "/v1/images/builds/{id}", 200,
                R"({"id":"bld_1","state":"running","progress":["I: Unpacking"]})");
  server.answer("GET", "/v1/images/builds/{id}", 200,
                R"({"id":"bld_1","state":"succeeded","name":"x","digest":"sha256:1","bytes":1024,"progress":[]})");

  const auto ran = server.run({"image", "build", "debian", "--packages", "git,python3", "--name", "x"});

  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out, "x  sha256:1  1.0 KiB\n");
  EXPECT_EQ(ran.err, "") << "stderr is no terminal here";
  EXPECT_EQ(server.request(0).body, R"({"from":"debian","name":"x","packages":["git","python3"]})");
}

TEST(Progress, AFailedBuildIsToldInItsOwnWords) {
  FakeServer server;
  server.answer("POST", "/v1/images/builds", 202, R"({"id":"bld_1","state":"queued"})");
  server.answer("GET", "/v1/images/builds/{id}", 200,
                R"({"id":"bld_1","state":"failed","error":{"code":"package_unknown","message":"no such: gti"}})");

  const auto ran = server.run({"image", "build", "debian", "--packages", "gti"});

  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.err, "mayfly: image build bld_1 failed: no such: gti\n");
}

}  // namespace
}  // namespace mayfly::cli
