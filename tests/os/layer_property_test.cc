#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "os/support.h"

namespace mayfly::os::testing {
namespace {

rc::Gen<std::string> any_name() {
  const auto byte = rc::gen::suchThat(rc::gen::arbitrary<char>(), [](char c) { return c != '/' && c != '\0'; });
  const auto odd = rc::gen::element<std::string>(".wh.", ".wh..wh..opq", ".wh.x", ".wh..wh.x", "a", "b", "%41", "...");
  const auto free = rc::gen::map(rc::gen::container<std::string>(byte), [](std::string s) {
    s = s.substr(0, 255);
    return s.empty() || s == "." || s == ".." ? std::string("n") : s;
  });
  return rc::gen::oneOf(odd, free);
}

timespec any_time() {
  return {*rc::gen::inRange<time_t>(-2'000'000'000, 10'000'000'000), *rc::gen::inRange<long>(0, 1'000'000'000)};
}

void decorate(const std::string& path, bool link) {
  must(::lchown(path.c_str(), *rc::gen::inRange<uid_t>(0, 3'000'000), *rc::gen::inRange<gid_t>(0, 100'000)) == 0, path);
  if (!link) {
    must(::chmod(path.c_str(), *rc::gen::inRange<mode_t>(0, 010000)) == 0, path);
    for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
      const auto name = *rc::gen::suchThat(any_name(), [](const std::string& n) { return n.size() < 200; });
      const auto value = rc::gen::container<std::string>(rc::gen::arbitrary<char>());
      set_xattr(path, "user." + name, (*value).substr(0, 800));
    }
  }
  const timespec time = any_time();
  set_mtime(path, time.tv_sec, time.tv_nsec);
}

std::string any_content() {
  const auto size = *rc::gen::element(0, 1, 511, 512, 513, 4096, 65536, 70'000, 1 << 20, (1 << 20) + 1, 1'300'000);
  std::string text(static_cast<std::size_t>(size), '\0');
  const auto stride = *rc::gen::element<std::size_t>(1, 3, 4096, 65536, 400'000);
  const char seed = *rc::gen::arbitrary<char>();
  for (std::size_t i = 0; i < text.size(); i += stride) {
    text[i] = static_cast<char>(seed + static_cast<char>(i / stride));
  }
  return text;
}

void make_file(const std::string& path, std::vector<std::string>& files) {
  if (!files.empty() && *rc::gen::inRange(0, 5) == 0) {
    must(::link((*rc::gen::elementOf(files)).c_str(), path.c_str()) == 0, path);
    return;
  }
  if (*rc::gen::inRange(0, 4) == 0) {
    // Sparse: a few pieces anywhere in a long file.
    put(path, "");
    must(::truncate(path.c_str(), *rc::gen::inRange<off_t>(0, 40 << 20)) == 0, path);
    for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
      Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
      must(::pwrite(fd.get(), "piece", 5, *rc::gen::inRange<off_t>(0, 40 << 20)) == 5, path);
    }
  } else {
    put(path, any_content());
  }
  decorate(path, false);
  files.push_back(path);
}

void make_tree(const std::string& folder, int depth, std::vector<std::string>& files) {
  std::set<std::string> names;
  for (int i = *rc::gen::inRange(0, 6); i > 0; --i) names.insert(*any_name());
  for (const auto& name : names) {
    const std::string path = folder + "/" + name;
    switch (*rc::gen::inRange(0, depth > 0 ? 6 : 4)) {
      case 0: {
        const std::string target = *any_name() + *rc::gen::element<std::string>("", "/x", "/../..");
        must(::symlink(target.c_str(), path.c_str()) == 0, path);
        decorate(path, true);
        break;
      }
      case 1: whiteout(path); break;
      case 2: case 3: make_file(path, files); break;
      default:
        must(::mkdir(path.c_str(), 0755) == 0, path);
        make_tree(path, depth - 1, files);
        if (*rc::gen::inRange(0, 3) == 0) set_xattr(path, "trusted.overlay.opaque", "y");
        decorate(path, false);
    }
  }
}

RC_GTEST_PROP(LayerProperty, AnyTreeComesBackAsItWas, ()) {
  TempFolder from, to;
  std::vector<std::string> files;
  make_tree(from.path(), 3, files);
  decorate(from.path(), false);

  const auto packed = pack(from);
  RC_ASSERT(packed.has_value());
  const auto back = read_back(packed->tar, packed->manifest);
  RC_ASSERT(back.has_value());
  RC_ASSERT(back->digest == packed->summary.digest);
  const auto unpacked = unpack(packed->tar, to);
  RC_ASSERT(unpacked.has_value());
  RC_ASSERT(*unpacked == *back);
  const auto again = pack(to);
  RC_ASSERT(again.has_value());
  RC_ASSERT(again->manifest == packed->manifest);
  // The tar itself may differ only by how holes were told.
  RC_ASSERT(again->summary == packed->summary);
}

}  // namespace
}  // namespace mayfly::os::testing
