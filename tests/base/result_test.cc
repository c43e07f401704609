#include "base/result.h"

#include <cerrno>
#include <memory>

#include <gtest/gtest.h>

namespace mayfly {
namespace {

Result<int> half_of(int number) {
  if (number % 2 != 0) return fail(Code::invalid, std::to_string(number) + " is odd", "odd");
  return number / 2;
}

Result<std::string> quarter_of(int number) {
  const int half = TRY(half_of(number));
  return std::to_string(TRY(half_of(half)));
}

Status both_even(int one, int other) {
  TRY(half_of(one));
  TRY(half_of(other));
  return {};
}

TEST(Try, GivesTheValue) { EXPECT_EQ(quarter_of(12), "3"); }

TEST(Try, PassesTheFirstTroubleUpWithAllThatItSays) {
  const auto trouble = quarter_of(6);

  ASSERT_FALSE(trouble);
  EXPECT_EQ(trouble.error().code, Code::invalid);
  EXPECT_EQ(trouble.error().message, "3 is odd");
  EXPECT_EQ(trouble.error().reason, "odd");
}

TEST(Try, ServesWhereNoValueIsWanted) {
  EXPECT_TRUE(both_even(2, 4));
  EXPECT_FALSE(both_even(2, 3));
}

TEST(Try, MovesWhatCannotBeCopied) {
  const auto made = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(7); };
  const auto passed = [&]() -> Result<std::unique_ptr<int>> {
    auto pointer = TRY(made());
    return pointer;
  }();

  ASSERT_TRUE(passed);
  EXPECT_EQ(**passed, 7);
}

TEST(Try, EvaluatesOnce) {
  int calls = 0;
  const auto count = [&]() -> Result<int> { return ++calls; };
  const auto run = [&]() -> Status {
    TRY(count());
    return {};
  };

  EXPECT_TRUE(run());
  EXPECT_EQ(calls, 1);
}

TEST(InContext, PutsMoreOfTheStoryInFrontAndKeepsTheRest) {
  const Error cause{Code::no_space, "cannot write: No space left on device", "disk_full", {{"a", "b", "c"}}};

  const auto error = in_context("archiving sbx_1", cause);

  EXPECT_EQ(error.message, "archiving sbx_1: cannot write: No space left on device");
  EXPECT_EQ(error.code, Code::no_space);
  EXPECT_EQ(error.reason, "disk_full");
  EXPECT_EQ(error.fields.size(), 1u);
}

TEST(ErrnoError, TellsWhatWasTriedAndChoosesTheCode) {
  const struct {
    int number;
    Code code;
  } table[] = {
      {ENOENT, Code::not_found},       {ESRCH, Code::not_found},    {ENOTDIR, Code::not_found},
      {EEXIST, Code::conflict},        {ENOTEMPTY, Code::conflict}, {EISDIR, Code::conflict},
      {EACCES, Code::denied},          {EPERM, Code::denied},       {EROFS, Code::denied},
      {ENOSPC, Code::no_space},        {EDQUOT, Code::no_space},    {EBUSY, Code::busy},
      {EAGAIN, Code::busy},            {ETXTBSY, Code::busy},       {EINVAL, Code::invalid},
      {ENAMETOOLONG, Code::invalid},   {ELOOP, Code::invalid},      {EXDEV, Code::invalid},
      {EFBIG, Code::too_large},        {EMFILE, Code::exhausted},   {ENFILE, Code::exhausted},
      {ENOMEM, Code::exhausted},       {ECONNREFUSED, Code::unavailable},
      {ECONNRESET, Code::unavailable}, {EPIPE, Code::unavailable},  {ENOTCONN, Code::unavailable},
      {ETIMEDOUT, Code::timed_out},    {ENOSYS, Code::unsupported}, {EOPNOTSUPP, Code::unsupported},
      {EIO, Code::internal},           {0, Code::internal},         {100'000, Code::internal},
  };
  for (const auto& row : table) {
    const auto error = errno_error(row.number, "unlink \"/x\"");
    EXPECT_EQ(name(error.code), name(row.code)) << "errno " << row.number;
    EXPECT_TRUE(error.message.starts_with("unlink \"/x\": ")) << error.message;
  }
}

TEST(Code, HasANameOfItsOwnEach) {
  std::vector<std::string_view> seen;
  for (int code = 0; code <= static_cast<int>(Code::internal); ++code) {
    const auto word = name(static_cast<Code>(code));
    EXPECT_EQ(std::count(seen.begin(), seen.end(), word), 0) << word;
    seen.push_back(word);
  }
  EXPECT_EQ(seen.size(), 14u);
}

TEST(CheckDeathTest, AbortsAndNamesTheConditionAndThePlace) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";

  EXPECT_DEATH(CHECK(1 + 1 == 3), "CHECK\\(1 \\+ 1 == 3\\) failed at .*result_test.cc");
}

}  // namespace
}  // namespace mayfly
