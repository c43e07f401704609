// Every action of a blob store done twice, and again after what comes later: a late duplicate changes nothing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/folder.h"
#include "os/support.h"

namespace mayfly {
namespace {

using os::testing::TempFolder;

class BlobActionsTwice : public ::testing::Test {
 protected:
  Status store(const std::string& key, const std::string& text) {
    auto writer = TRY(blobs.create(key));
    TRY(writer->write(text));
    return writer->commit();
  }
  /// "a/k=first a/m=second", in the order of the keys.
  std::string all() {
    std::string text;
    const auto found = blobs.list("");
    for (const auto& info : found.value()) {
      auto source = blobs.open(info.key);
      std::string bytes(64, '\0');
      const auto count = (*source)->read(bytes);
      text += (text.empty() ? "" : " ") + info.key + "=" + bytes.substr(0, count.value_or(0));
    }
    return text;
  }

  TempFolder folder;
  FolderBlobStore blobs{folder / "blobs"};
};

TEST_F(BlobActionsTwice, AndAgainAfterSuccess) {
  std::unique_ptr<BlobWriter> writer;
  const auto take = [&](const std::string& key) -> Status {
    writer = TRY(blobs.create(key));
    return {};
  };
  const auto write = [&] { return writer->write(std::string_view("text")); };
  const auto outcome = [](const Status& status) {
    return status ? std::string("fine") : std::string(name(status.error().code));
  };
  const struct {
    const char* what;
    std::function<Status()> act;
    const char* first;
    const char* again;
    const char* left;
  } rows[] = {
      {"remove of what never was", [&] { return blobs.remove("a/k"); }, "fine", "fine", ""},
      {"create, while one writes", [&] { return take("a/k"); }, "fine", "busy", "a/k.partial="},
      {"write", write, "fine", "fine", "a/k.partial=texttext"},
      {"commit", [&] { return writer->commit(); }, "fine", "conflict", "a/k=texttext"},
      {"write after the commit", write, "conflict", "conflict", "a/k=texttext"},
      {"create of what is there", [&] { return take("a/k"); }, "conflict", "conflict", "a/k=texttext"},
      {"stat", [&] { return blobs.stat("a/k").map([](const BlobInfo&) {}); }, "fine", "fine", "a/k=texttext"},
      {"another one", [&] { return store("a/m", "two"); }, "fine", "conflict", "a/k=texttext a/m=two"},
      {"remove", [&] { return blobs.remove("a/k"); }, "fine", "fine", "a/m=two"},
      {"the same key anew", [&] { return store("a/k", "new"); }, "fine", "conflict", "a/k=new a/m=two"},
      {"late commit of the first writer", [&] { return writer->commit(); }, "conflict", "conflict",
       "a/k=new a/m=two"},
      {"the end of the first writer", [&]() -> Status { writer.reset(); return {}; }, "fine", "fine",
       "a/k=new a/m=two"},
      {"remove of all", [&]() -> Status { TRY(blobs.remove("a/k")); return blobs.remove("a/m"); }, "fine", "fine", ""},
      {"open of what is gone", [&] { return blobs.open("a/k").map([](const auto&) {}); }, "not_found", "not_found", ""},
  };

  for (const auto& row : rows) {
    EXPECT_EQ(outcome(row.act()), row.first) << row.what;
    EXPECT_EQ(outcome(row.act()), row.again) << row.what << ", again";
    EXPECT_EQ(all(), row.left) << row.what;
  }
}

TEST_F(BlobActionsTwice, TwoWritersOfOneKeyAreOneObject) {
  auto first = blobs.create("k");
  ASSERT_TRUE(first && (*first)->write(std::string_view("first")));
  EXPECT_EQ(blobs.create("k").error().code, Code::busy);
  first->reset();   // it gives up

  EXPECT_TRUE(store("k", "second"));
  EXPECT_EQ(all(), "k=second");
}

}  // namespace
}  // namespace mayfly
