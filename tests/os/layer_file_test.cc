// Parts of a packed layer, read without unpacking it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "os/layer_file.h"
#include "os/support.h"

namespace mayfly::os::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<Source> source_of(const std::string& bytes) { return std::make_unique<StringSource>(bytes, 1000); }

Result<std::string> all_of(Source& source) {
  std::string text, room(777, '\0');
  while (const auto count = TRY(source.read(room))) text.append(room, 0, count);
  return text;
}

std::string noise(std::size_t size) {
  std::mt19937 random(1);
  std::string bytes(size, '\0');
  for (auto& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

TEST(LayerFile, IsReadFromBetweenTheOthers) {
  TempFolder layer;
  std::filesystem::create_directories(layer / "d/e");
  put(layer / "a", "before");
  put(layer / "d/e/f", std::string(300'000, 'x') + "end");
  put(layer / "z", "");
  const auto packed = *pack(layer);

  const auto file = open_layer_file(source_of(packed.tar), "d/e/f");
  const auto empty = open_layer_file(source_of(packed.tar), "z");

  ASSERT_TRUE(file && empty);
  EXPECT_EQ(file->size, 300'003);
  EXPECT_EQ(*all_of(*file->content), std::string(300'000, 'x') + "end");
  EXPECT_EQ(*all_of(*empty->content), "");
}

TEST(LayerFile, HasZerosWhereItHasHoles) {
  TempFolder layer;
  put(layer / "sparse", "");
  put(layer / "hole", "");
  {
    const Fd fd(::open((layer / "sparse").c_str(), O_WRONLY | O_CLOEXEC));
    must(::pwrite(fd.get(), "middle", 6, 1 << 20) == 6, "pwrite");
    must(::ftruncate(fd.get(), 3 << 20) == 0, "ftruncate");
  }
  must(::truncate((layer / "hole").c_str(), 1 << 20) == 0, "truncate");
  const auto packed = *pack(layer);

  std::string expected(3 << 20, '\0');
  expected.replace(1 << 20, 6, "middle");
  EXPECT_EQ(*all_of(*open_layer_file(source_of(packed.tar), "sparse")->content), expected);
  EXPECT_EQ(*all_of(*open_layer_file(source_of(packed.tar), "hole")->content), std::string(1 << 20, '\0'));
}

TEST(LayerFile, OfALaterNameIsTheEarlierOne) {
  TempFolder layer;
  put(layer / "a", "content");
  must(::link((layer / "a").c_str(), (layer / "b").c_str()) == 0, "link");
  const auto packed = *pack(layer);

  const auto file = open_layer_file(source_of(packed.tar), "b");

  ASSERT_TRUE(file);
  EXPECT_EQ(file->same_as, "a");
  EXPECT_FALSE(file->content);
}

TEST(LayerFile, IsRefusedWhereThereIsNone) {
  TempFolder layer;
  std::filesystem::create_directories(layer / "d");
  must(::symlink("d", (layer / "l").c_str()) == 0, "symlink");
  whiteout(layer / "w");
  const auto packed = *pack(layer);
  const auto code = [&](const std::string& path) { return open_layer_file(source_of(packed.tar), path).error().code; };

  EXPECT_EQ(code("d"), Code::invalid);
  EXPECT_EQ(code("l"), Code::invalid);
  EXPECT_EQ(code("."), Code::invalid);
  EXPECT_EQ(code("w"), Code::not_found);
  EXPECT_EQ(code("d/x"), Code::not_found);
  EXPECT_EQ(open_layer_file(source_of(packed.tar.substr(0, packed.tar.size() / 2)), "x").error().code, Code::invalid);
}

TEST(LayerFile, EndsInAnErrorWhereItIsTorn) {
  TempFolder layer;
  put(layer / "a", noise(1 << 20));
  const auto packed = *pack(layer);

  const auto file = open_layer_file(source_of(packed.tar.substr(0, packed.tar.size() / 2)), "a");

  ASSERT_TRUE(file);
  EXPECT_FALSE(all_of(*file->content));
}

TEST(PlainLayer, IsATarThatAnybodyReads) {
  TempFolder layer, out;
  put(layer / "a", "content");
  put(layer / "b", noise(100'000));
  const auto packed = *pack(layer);
  const auto plain = plain_layer(source_of(packed.tar));

  put(out / "plain.tar", *all_of(*plain));

  EXPECT_EQ(std::system(("tar -tf " + (out / "plain.tar") + " > " + (out / "names")).c_str()), 0);
  EXPECT_EQ(text_of(out / "names"), "./\na\nb\n");
  const auto torn = plain_layer(source_of(packed.tar.substr(0, packed.tar.size() - 3)));
  EXPECT_FALSE(all_of(*torn)) << "an early end would look like a whole one";
}

TEST(LeftOut, IsNamedAsTheManifestWouldNameIt) {
  TempFolder layer;
  must(::mkfifo((layer / "50%").c_str(), 0600) == 0, "mkfifo");
  must(::mkfifo((layer / "\xff").c_str(), 0600) == 0, "mkfifo");
  must(::mkfifo((layer / "\xc3\xa4").c_str(), 0600) == 0, "mkfifo");

  const auto packed = *pack(layer);

  EXPECT_EQ(packed.summary.left_out, 3);
  EXPECT_THAT(packed.summary.left_out_paths, ElementsAre("50%25", "\xc3\xa4", "%ff"));
}

TEST(LeftOut, IsCountedPastTheFirstHundred) {
  TempFolder layer;
  std::filesystem::create_directories(layer / "run");
  for (int i = 100; i < 250; ++i) must(::mkfifo((layer / ("run/" + std::to_string(i))).c_str(), 0600) == 0, "mkfifo");

  const auto packed = *pack(layer);

  EXPECT_EQ(packed.summary.left_out, 150);
  ASSERT_EQ(packed.summary.left_out_paths.size(), most_left_out_paths);
  EXPECT_EQ(packed.summary.left_out_paths.back(), "run/199");
}

TEST(LayerDamage, NamesTheFileThatWasAlteredAndNotOnlyTheChecksumAtTheEnd) {
  TempFolder layer;
  put(layer / "altered", noise(1 << 20));
  put(layer / "b", noise(400'000));
  const auto packed = *pack(layer);
  // zstd stores what it cannot compress as it is: the flip is met by the checksum of the whole frame, while b is read.
  std::string tar = packed.tar;
  tar[tar.size() / 3] = static_cast<char>(tar[tar.size() / 3] ^ 1);

  const auto back = read_back(tar, packed.manifest);

  ASSERT_FALSE(back);
  EXPECT_THAT(back.error().message, HasSubstr("\"altered\""));
}

TEST(VisitLayer, TellsAPathAndAllBelowAndNothingElse) {
  TempFolder layer;
  std::filesystem::create_directories(layer / "d/e");
  put(layer / "d-not", "beside");
  put(layer / "d/e/f", noise(200'000));
  put(layer / "d/a", "first");
  std::filesystem::create_symlink("a", layer / "d/link");
  put(layer / "z", "after");
  const auto packed = *pack(layer);

  std::vector<std::string> seen;
  const auto visit = [&](const LayerEntry& entry, Source* content) -> Status {
    std::string line = entry.path;
    // The first one is not read at all: the next entries come all the same.
    if (content && entry.path != "d/a") line += "=" + std::to_string(TRY(all_of(*content)).size());
    if (!entry.target.empty()) line += ">" + entry.target;
    seen.push_back(line);
    return {};
  };

  ASSERT_TRUE(visit_layer(*source_of(packed.tar), "d", visit));
  EXPECT_THAT(seen, ElementsAre("d", "d/a", "d/e", "d/e/f=200000", "d/link>a"));
  seen.clear();
  ASSERT_TRUE(visit_layer(*source_of(packed.tar), "z", visit));
  EXPECT_THAT(seen, ElementsAre("z=5"));
  const auto none = visit_layer(*source_of(packed.tar), "d/e/x", visit);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::not_found);
}

TEST(VisitLayer, EndsWithTheErrorOfTheVisitor) {
  TempFolder layer;
  put(layer / "a", "1");
  const auto packed = *pack(layer);

  const auto ended = visit_layer(*source_of(packed.tar), ".", [](const LayerEntry&, Source*) -> Status {
    return fail(Code::busy, "not now");
  });

  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().message, "not now");
}

}  // namespace
}  // namespace mayfly::os::testing
