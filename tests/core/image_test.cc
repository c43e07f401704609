#include "core/image.h"

#include <gtest/gtest.h>

#include "support/must.h"

namespace mayfly {
namespace {

TEST(ImageName, IsAWordThatCanStandInAPath) {
  const std::string longest(128, 'a');
  for (const std::string name : {"busybox", "debian:bookworm", "team/tool:1.2-rc_3", "A", "9", longest.c_str()})
    EXPECT_EQ(outcome(check_image_name(name)), "fine") << name;

  const std::string too_long(129, 'a');
  for (const std::string name : {"", "-a", "/a", ".a", "a b", "a\n", "\xc3\xa4", "a@b", "sha256:abc", "gc", "builds",
                                 too_long.c_str()})
    EXPECT_EQ(outcome(check_image_name(name)), "invalid name_invalid") << name;
}

TEST(ImageName, ARefusalShowsWhatWasFound) {
  const auto refused = check_image_name("a b");
  ASSERT_FALSE(refused);
  ASSERT_EQ(refused.error().fields.size(), 1u);
  EXPECT_EQ(refused.error().fields[0].path, "name");
  EXPECT_EQ(refused.error().fields[0].found, "\"a b\"");
  EXPECT_NE(check_image_name("gc").error().message.find("gc"), std::string::npos);
}

std::string checked(const std::string& release, const std::vector<std::string>& packages = {}) {
  return outcome(check_recipe({.release = release, .packages = packages}));
}

TEST(Recipe, NamesAreWordsOfDebianAndNoOptionsOrPaths) {
  EXPECT_EQ(checked("bookworm"), "fine");
  EXPECT_EQ(checked("bookworm-backports", {"curl", "g++", "libboost1.81-dev", "0ad"}), "fine");
  for (const std::string release : {"", "b", "-bookworm", "Bookworm", "book/worm", "a.b"})
    EXPECT_EQ(checked(release), "invalid recipe_invalid") << release;
  EXPECT_EQ(checked(std::string(81, 'a')), "invalid recipe_invalid");
  for (const std::string package : {"", "c", "--purge", "../x", "a/b", "a b", "Curl", "a_b"})
    EXPECT_EQ(checked("bookworm", {"curl", package}), "invalid recipe_invalid") << package;
}

TEST(Recipe, HasAnEnd) {
  EXPECT_EQ(checked("bookworm", std::vector<std::string>(200, "curl")), "fine");
  EXPECT_EQ(checked("bookworm", std::vector<std::string>(201, "curl")), "invalid recipe_invalid");
}

TEST(BuildStates, HaveNamesThatReadBack) {
  for (const auto state : {BuildState::queued, BuildState::running, BuildState::succeeded, BuildState::failed})
    EXPECT_EQ(parse_build_state(name(state)), state);
  EXPECT_FALSE(parse_build_state("done"));
}

}  // namespace
}  // namespace mayfly
