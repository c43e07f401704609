#include <cstdlib>
#include <filesystem>
#include <memory>

#include <zstd.h>

#include "fuzz/targets.h"
#include "os/layer_file.h"
#include "os/support.h"

namespace mayfly::fuzz {

namespace {

using namespace os::testing;

/// A folder to unpack into, and beside it something that no archive may reach.
class Place {
 public:
  Place() {
    must(::mkdir((around_ / "inside").c_str(), 0755) == 0, "inside");
    put(around_ / "beside", "untouched");
    inside_ = os::Fd(::open((around_ / "inside").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  int fd() const { return inside_.get(); }
  void check_beside() const {
    CHECK(text_of(around_ / "beside") == "untouched");
    std::size_t entries = 0;
    for (const auto& entry : std::filesystem::directory_iterator(around_.path())) entries += !entry.path().empty();
    CHECK(entries == 2);
  }

 private:
  TempFolder around_;
  os::Fd inside_;
};

/// As ZstdSink writes it, but without its threads, whose start would take most of the time here.
std::string compressed(std::string_view tar) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string frame(ZSTD_compressBound(tar.size()), '\0');
  const auto size = ZSTD_compress2(context.get(), frame.data(), frame.size(), tar.data(), tar.size());
  CHECK(!ZSTD_isError(size));
  frame.resize(size);
  return frame;
}

}  // namespace

/// A first byte 'z' leaves the compression to the input; anything else is followed by a plain tar.
void layer(std::string_view input) {
  if (input.empty()) return;
  const std::string tar = input[0] == 'z' ? std::string(input.substr(1)) : compressed(input.substr(1));

  const Place place;
  StringSource first(tar, 100);
  const auto unpacked = os::unpack_layer(first, place.fd());
  place.check_beside();
  // What was unpacked is read back as the same, and comes out of the folder as the same once more.
  if (unpacked) {
    StringSource second(tar);
    const auto read = os::read_back_layer(second, nullptr);
    CHECK(read && *read == *unpacked);
    StringSink again, manifest;
    const auto packed = os::pack_layer(place.fd(), {}, again, manifest);
    CHECK(packed && packed->digest == unpacked->digest);
  }

  StringSource third(tar);
  (void)os::visit_layer(third, ".", [](const os::LayerEntry&, Source*) { return Status(); });
  (void)os::open_layer_file(std::make_unique<StringSource>(tar), "a/b");

  const Place root;
  StringSource image(input[0] == 'z' ? tar : std::string(input.substr(1)));
  (void)os::apply_image_layer(image, root.fd());
  root.check_beside();
}

}  // namespace mayfly::fuzz
