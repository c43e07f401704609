// Images built of Debian packages, by the host's own debootstrap from the archive that its apt is configured for.

#include <unistd.h>

#include "e2e/server.h"
#include "os/file.h"

namespace mayfly::test {
namespace {

constexpr auto build_patience = 300s;

bool can_build() {
  return ::access("/usr/sbin/debootstrap", X_OK) == 0 &&
         ::access("/usr/share/keyrings/debian-archive-keyring.gpg", R_OK) == 0;
}

class ImageBuildStory : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!can_build()) GTEST_SKIP() << "debootstrap and debian-archive-keyring are not installed: ./do setup";
  }

  std::string begin(const json::object& wish) {
    const auto accepted = server_.api().post("/v1/images/builds", wish);
    if (accepted.lost()) return {};
    EXPECT_EQ(accepted.status, 202) << accepted;
    return accepted.string("id");
  }
  Answer ended(const std::string& build) {
    Answer last;
    EXPECT_TRUE(comes_true([&] {
      last = server_.api().get("/v1/images/builds/" + build);
      return last.string("state") == "succeeded" || last.string("state") == "failed";
    }, build_patience)) << last << server_.log();
    return last;
  }
  std::size_t folders() const { return os::list_folder(server_.data() + "/images")->size(); }

  Server server_;
};

TEST_F(ImageBuildStory, PackagesOfTheArchiveBecomeAnImageThatRuns) {
  ASSERT_TRUE(server_.start()) << server_.log();

  const auto unknown = ended(begin({{"from", "debian"}, {"packages", {"no-such-package-anywhere"}}}));
  EXPECT_EQ(unknown.string("state"), "failed");
  EXPECT_EQ(unknown.string("error.code"), "package_unknown") << unknown;
  EXPECT_NE(unknown.string("error.message").find("no-such-package-anywhere"), std::string::npos) << unknown;
  EXPECT_EQ(folders(), 1u) << "busybox alone";

  const auto built = ended(begin({{"from", "debian"}, {"packages", {"hello"}}, {"name", "greeter"}}));
  ASSERT_EQ(built.string("state"), "succeeded") << built;
  const auto made = server_.api().create({{"image", "greeter"}});
  ASSERT_EQ(made.status, 201) << made << server_.log();
  const auto id = made.string("id");
  EXPECT_EQ(server_.api().output(id, "hello"), "Hello, world!\n");
  EXPECT_EQ(server_.api().output(id, "ls /var/lib/apt/lists /var/cache/apt/archives 2>/dev/null | grep -c deb"), "0\n");
  EXPECT_EQ(server_.api().output(id, "cat /etc/hostname /etc/machine-id 2>/dev/null"), "");
  server_.end();
}

class KilledBuild : public ImageBuildStory, public ::testing::WithParamInterface<const char*> {};

TEST_P(KilledBuild, LeavesNothingAndSaysSo) {
  ASSERT_TRUE(server_.start(GetParam())) << server_.log();

  const auto build = begin({{"from", "debian"}, {"packages", {"hello"}}, {"name", "greeter"}});
  ASSERT_TRUE(server_.dies(build_patience)) << GetParam() << server_.log();
  ASSERT_TRUE(server_.start()) << server_.log();

  EXPECT_EQ(folders(), 1u) << "busybox alone";
  EXPECT_TRUE(server_.clean()) << server_.doctor();
  if (!build.empty()) {
    const auto left = server_.api().get("/v1/images/builds/" + build);
    EXPECT_EQ(left.string("state"), "failed") << left;
    EXPECT_EQ(left.string("error.code"), "interrupted") << left;
  }
  EXPECT_TRUE(server_.api().get("/v1/images").items().size() == 1) << server_.api().get("/v1/images");
  server_.end();
}

INSTANTIATE_TEST_SUITE_P(At, KilledBuild,
                         ::testing::Values("build_image.after_commit", "images.build.before_tools",
                                           "images.build.within_tools", "images.build.after_tools"),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (auto& c : name)
                             if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
                           return name;
                         });

TEST_F(ImageBuildStory, AStoppedServerEndsItsBuild) {
  ASSERT_TRUE(server_.start()) << server_.log();
  const auto build = begin({{"from", "debian"}, {"name", "greeter"}});
  ASSERT_TRUE(comes_true([&] { return folders() == 2; })) << "it has begun";

  server_.restart();

  EXPECT_EQ(folders(), 1u);
  EXPECT_EQ(server_.api().get("/v1/images/builds/" + build).string("error.code"), "interrupted");
  server_.end();
}

}  // namespace
}  // namespace mayfly::test
