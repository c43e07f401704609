#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "os/support.h"
#include "os/zstd_stream.h"

namespace mayfly::os::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TempFolder& filled(TempFolder& layer) {
  std::filesystem::create_directories(layer / "d/e");
  put(layer / "d/f", std::string(3000, 'f'));
  put(layer / "d/e/g", "short");
  put(layer / "z", "last");
  must(::symlink("d", (layer / "l").c_str()) == 0, "symlink");
  must(::link((layer / "z").c_str(), (layer / "zz").c_str()) == 0, "link");
  set_xattr(layer / "z", "user.a", "b");
  return layer;
}

TEST(LayerDamage, IsSeenWhereverTheArchiveIsTorn) {
  TempFolder layer;
  const auto packed = pack(filled(layer));
  ASSERT_TRUE(packed);

  for (std::size_t size = 0; size < packed->tar.size(); ++size) {
    auto back = read_back(packed->tar.substr(0, size), packed->manifest);
    ASSERT_FALSE(back) << "torn after " << size;
    EXPECT_THAT(back.error().code, AnyOf(Code::invalid, Code::conflict));
  }
}

TEST(LayerDamage, IsSeenInEveryBit) {
  TempFolder layer;
  const auto packed = pack(filled(layer));
  ASSERT_TRUE(packed);

  for (std::size_t bit = 0; bit < 8 * packed->tar.size(); bit += 3) {
    std::string tar = packed->tar;
    tar[bit / 8] = static_cast<char>(tar[bit / 8] ^ (1 << (bit % 8)));
    // zstd has bits that mean nothing; what is read must then be the very same.
    auto back = read_back(tar, packed->manifest);
    if (back) {
      EXPECT_EQ(*back, packed->summary);
    } else {
      EXPECT_THAT(back.error().code, AnyOf(Code::invalid, Code::conflict)) << back.error().message;
    }
  }
}

TEST(LayerDamage, IsSeenBehindTheEnd) {
  TempFolder layer;
  const auto packed = pack(filled(layer));
  ASSERT_TRUE(packed);

  EXPECT_EQ(read_back(packed->tar + "x", packed->manifest).error().code, Code::invalid);
  EXPECT_EQ(read_back(packed->tar + packed->tar, packed->manifest).error().code, Code::invalid);
}

TEST(LayerDamage, NamesTheFirstLineThatDiffers) {
  TempFolder layer;
  const auto packed = pack(filled(layer));
  ASSERT_TRUE(packed);
  std::string manifest = packed->manifest;
  const auto at = manifest.find("\"size\":3000");
  manifest.replace(at, 11, "\"size\":3001");

  auto altered = read_back(packed->tar, manifest);
  auto longer = read_back(packed->tar, packed->manifest + "{}\n");
  auto shorter = read_back(packed->tar, packed->manifest.substr(0, packed->manifest.size() - 1));
  auto none = read_back(packed->tar, "");

  EXPECT_EQ(altered.error().code, Code::conflict);
  EXPECT_THAT(altered.error().message, HasSubstr("\"path\":\"d/f\""));
  EXPECT_EQ(longer.error().code, Code::conflict);
  EXPECT_EQ(shorter.error().code, Code::conflict);
  EXPECT_EQ(none.error().code, Code::conflict);
}

TEST(LayerDamage, SurvivesNoiseOfEveryKind) {
  TempFolder into;
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::string noise(random() % 5000, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    StringSink framed;
    ZstdSink zstd(framed);
    ASSERT_TRUE(zstd.write(noise));
    ASSERT_TRUE(zstd.finish());

    EXPECT_FALSE(read_back(noise, ""));
    EXPECT_FALSE(read_back(framed.text, ""));
    EXPECT_FALSE(unpack(framed.text, into));
    EXPECT_THAT(*list_folder(into.path()), IsEmpty());
  }
}

TEST(LayerDamage, SurvivesATarWithFlippedBytesInsideAWholeFrame) {
  TempFolder layer;
  const auto packed = pack(filled(layer));
  ASSERT_TRUE(packed);
  std::string plain;
  StringSource source(packed->tar);
  ZstdSource frame(source);
  for (auto bytes = frame.next(); bytes && !bytes->empty(); bytes = frame.next()) {
    plain.append(bytes->data(), bytes->size());
  }
  std::mt19937 random(11);
  for (int round = 0; round < 200; ++round) {
    std::string tar = plain;
    for (unsigned flips = 1 + random() % 4; flips > 0; --flips) {
      tar[random() % tar.size()] ^= static_cast<char>(random());
    }
    StringSink framed;
    ZstdSink zstd(framed);
    ASSERT_TRUE(zstd.write(tar));
    ASSERT_TRUE(zstd.finish());

    TempFolder into;
    auto unpacked = unpack(framed.text, into);
    auto back = read_back(framed.text, packed->manifest);
    // What reads as the same is the same; what was unpacked packs to what was told.
    if (back) {
      EXPECT_EQ(back->digest, packed->summary.digest);
    }
    if (unpacked) {
      EXPECT_EQ(pack(into)->summary.digest, unpacked->digest);
    }
  }
}

}  // namespace
}  // namespace mayfly::os::testing
