#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "os/support.h"

namespace mayfly::os::testing {
namespace {

using ::testing::HasSubstr;

TEST(LayerUnpack, RefusesALayerThatIsNotEmpty) {
  TempFolder layer, into;
  const auto packed = pack(layer);
  put(into / "there", "x");

  EXPECT_EQ(unpack(packed->tar, into).error().code, Code::conflict);
}

class FailingSource : public Source {
 public:
  explicit FailingSource(std::string text) : text_(std::move(text)) {}
  Result<std::size_t> read(std::span<char> room) override {
    if (text_.empty()) return fail(Code::unavailable, "the store is away");
    const auto count = std::min(room.size(), text_.size());
    std::memcpy(room.data(), text_.data(), count);
    text_.clear();
    return count;
  }

 private:
  std::string text_;
};

class FailingSink : public Sink {
 public:
  explicit FailingSink(std::size_t room) : room_(room) {}
  Status write(std::span<const char> bytes) override {
    if (bytes.size() > room_) return fail(Code::no_space, "the store is full");
    room_ -= bytes.size();
    return {};
  }

 private:
  std::size_t room_;
};

TEST(LayerUnpack, PassesOnTheTroubleOfItsSource) {
  TempFolder layer, into;
  const auto packed = pack(layer);
  FailingSource source(packed->tar.substr(0, packed->tar.size() / 2));

  auto unpacked = unpack_layer(source, into.fd());

  EXPECT_EQ(unpacked.error().code, Code::unavailable);
  EXPECT_THAT(unpacked.error().message, HasSubstr("the store is away"));
}

TEST(LayerPack, PassesOnTheTroubleOfItsSinks) {
  TempFolder layer;
  put(layer / "f", "content");
  for (const auto& [tar_room, manifest_room] : {std::pair<std::size_t, std::size_t>{10, 1 << 20}, {1 << 20, 10}}) {
    FailingSink tar(tar_room), manifest(manifest_room);
    auto packed = pack_layer(layer.fd(), {}, tar, manifest);
    EXPECT_EQ(packed.error().code, Code::no_space);
    EXPECT_THAT(packed.error().message, HasSubstr("the store is full"));
  }
}

TEST(LayerPack, RefusesALayerWhoseContentLiesElsewhere) {
  for (const char* what : {"redirect", "metacopy"}) {
    TempFolder layer;
    put(layer / "f", "");
    set_xattr(layer / "f", std::string("trusted.overlay.") + what, "/old/place");
    EXPECT_EQ(pack(layer).error().code, Code::unsupported) << what;
  }
}

/// Takes bytes, and does something to the layer when it has enough of them.
class MeddlingSink : public Sink {
 public:
  MeddlingSink(std::size_t after, std::function<void()> meddle) : after_(after), meddle_(std::move(meddle)) {}
  Status write(std::span<const char> bytes) override {
    seen_ += bytes.size();
    if (seen_ >= after_ && meddle_) std::exchange(meddle_, nullptr)();
    return {};
  }

 private:
  std::size_t after_, seen_ = 0;
  std::function<void()> meddle_;
};

TEST(LayerPack, NamesAFileThatChangesWhileItIsRead) {
  std::string noise(64 << 20, '\0');
  std::mt19937_64 random(3);
  for (std::size_t i = 0; i + 8 <= noise.size(); i += 8) {
    const auto word = random();
    std::memcpy(noise.data() + i, &word, 8);
  }
  struct Change {
    const char* what;
    std::function<void(const std::string&)> make;
  };
  const std::vector<Change> changes{
      {"shrinks", [](const std::string& path) { must(::truncate(path.c_str(), 100) == 0, path); }},
      {"grows", [](const std::string& path) { must(::truncate(path.c_str(), 65 << 20) == 0, path); }},
      {"is touched", [](const std::string& path) { set_mtime(path, 1, 1); }},
      {"is changed and its time set back",
       [](const std::string& path) {
         const auto before = look(path).st_mtim;
         Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
         must(::pwrite(fd.get(), "x", 1, 0) == 1, path);
         set_mtime(path, before.tv_sec, before.tv_nsec);
       }},
  };
  for (const Change& change : changes) {
    SCOPED_TRACE(change.what);
    TempFolder layer;
    put(layer / "busy", noise);
    MeddlingSink tar(1 << 20, [&] { change.make(layer / "busy"); });
    StringSink manifest;

    auto packed = pack_layer(layer.fd(), {}, tar, manifest);

    ASSERT_FALSE(packed);
    EXPECT_EQ(packed.error().code, Code::busy);
    EXPECT_THAT(packed.error().message, HasSubstr("busy"));
  }
}

}  // namespace
}  // namespace mayfly::os::testing
