#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "os/content_hash.h"

namespace mayfly::os {
namespace {

ContentDigest digest(const std::string& text) {
  ContentHash hash(static_cast<std::int64_t>(text.size()));
  hash.add(0, text);
  return hash.finish();
}

TEST(Sha256, IsTheKnownOne) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(ContentHash, IsPlainForSmallFilesAndForFilesWithoutZeroBlocks) {
  const std::string small(1 << 20, '\0');
  const std::string large((1 << 20) + 5, 'x');

  EXPECT_EQ(digest(small).sha256, sha256_hex(small));
  EXPECT_EQ(digest(small).zeros, "");
  EXPECT_EQ(digest(large).sha256, sha256_hex(large));
  EXPECT_EQ(digest(large).zeros, "");
}

TEST(ContentHash, SetsRunsOfZeroBlocksAside) {
  std::string text(20 * ContentHash::block, 'x');
  std::fill_n(text.begin() + 3 * ContentHash::block, 2 * ContentHash::block, '\0');
  std::fill_n(text.begin() + 9 * ContentHash::block + 1, ContentHash::block, '\0');
  std::string rest = text;
  rest.erase(3 * ContentHash::block, 2 * ContentHash::block);

  EXPECT_EQ(digest(text).sha256, sha256_hex(rest));
  EXPECT_EQ(digest(text).zeros, sha256_hex("196608+131072\n"));
}

TEST(ContentHash, TellsFilesOfDifferentHolesApart) {
  std::string one(4 << 20, '\0'), other(4 << 20, '\0');
  one[0] = 'x';
  other[1 << 20] = 'x';

  EXPECT_EQ(digest(one).sha256, digest(other).sha256);
  EXPECT_NE(digest(one).zeros, digest(other).zeros);
}

RC_GTEST_PROP(ContentHash, DoesNotDependOnPiecesOrHoles, ()) {
  std::string text(static_cast<std::size_t>(*rc::gen::inRange(1, 3 << 20)), '\0');
  for (int i = *rc::gen::inRange(0, 5); i > 0; --i) {
    const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
    const auto count = std::min<std::size_t>(*rc::gen::element(1, 5000, 200'000), text.size() - at);
    std::fill_n(text.begin() + static_cast<long>(at), count, 'x');
  }
  ContentHash hash(static_cast<std::int64_t>(text.size()));
  for (std::size_t at = 0; at < text.size();) {
    const auto count = std::min<std::size_t>(*rc::gen::inRange<std::size_t>(1, 300'000), text.size() - at);
    const auto piece = std::span<const char>(text).subspan(at, count);
    const bool zero = std::all_of(piece.begin(), piece.end(), [](char c) { return c == 0; });
    if (!zero || *rc::gen::arbitrary<bool>()) hash.add(static_cast<std::int64_t>(at), piece);
    at += count;
  }
  const ContentDigest made = hash.finish();

  RC_ASSERT(made.sha256 == digest(text).sha256);
  RC_ASSERT(made.zeros == digest(text).zeros);
}

}  // namespace
}  // namespace mayfly::os
