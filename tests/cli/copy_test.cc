#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>

#include "fake_server.h"

namespace mayfly::cli {

namespace fs = std::filesystem;

namespace {

using testing::Contains;
using testing::HasSubstr;

class Copy : public testing::Test {
 protected:
  Copy() {
    std::string folder = (fs::temp_directory_path() / "mayfly-cp-XXXXXX").string();
    root = ::mkdtemp(folder.data());
  }
  ~Copy() override { fs::remove_all(root); }

  std::string here(const std::string& name) { return (root / name).string(); }
  std::string content(const std::string& name) {
    std::stringstream text;
    text << std::ifstream(root / name).rdbuf();
    return text.str();
  }
  void stat(const std::string& type) {
    server.answer("GET", "/v1/sandboxes/{id}/files/stat", 200,
                  R"({"name":"x","type":")" + type + R"(","mode":"0640"})");
  }
  void tree(const std::string& items) {
    server.answer("GET", "/v1/sandboxes/{id}/files/tree", 200, R"({"cut":false,"items":[)" + items + "]}");
  }
  void serve_content(const std::string& bytes) { server.answer("GET", "/v1/sandboxes/{id}/files/content", 200, bytes); }
  /// Keeps what is uploaded, by its path.
  void take_uploads() {
    server.handle("PUT", "/v1/sandboxes/{id}/files/content",
                  http::StreamingHandler([this](const http::Request& request, http::BodyReader& body) {
                    std::string bytes;
                    char room[4096];
                    for (auto count = body.read(room); count && *count > 0; count = body.read(room))
                      bytes.append(room, *count);
                    const std::lock_guard lock(mutex);
                    uploads[*request.query_value("path") + " " + *request.query_value("mode")] = bytes;
                    http::Response response;
                    response.status = 201;
                    response.body = "{}";
                    return response;
                  }));
  }

  fs::path root;
  std::mutex mutex;
  std::map<std::string, std::string> uploads;
  FakeServer server;
};

}  // namespace

TEST_F(Copy, BringsAFileOutWithItsMode) {
  stat("file");
  serve_content("bytes");

  EXPECT_EQ(server.run({"cp", "box:/srv/x", here("y")}).code, 0);

  EXPECT_EQ(content("y"), "bytes");
  EXPECT_EQ(fs::status(root / "y").permissions(), fs::perms(0640));
}

TEST_F(Copy, PutsItIntoAFolderThatIsThere) {
  stat("file");
  serve_content("bytes");

  EXPECT_EQ(server.run({"cp", "box:/srv/x", root.string()}).code, 0);

  EXPECT_EQ(content("x"), "bytes");
}

TEST_F(Copy, BringsAFolderOutButNoLinks) {
  stat("folder");
  tree(R"({"name":"a","type":"folder","mode":"0755"},{"name":"a/f","type":"file","mode":"0644"},
          {"name":"l","type":"link","target":"/etc/passwd"})");
  serve_content("bytes");

  const auto ran = server.run({"cp", "box:/srv", here("out")});

  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(content("out/a/f"), "bytes");
  EXPECT_FALSE(fs::exists(fs::symlink_status(root / "out/l")));
  EXPECT_THAT(ran.err, HasSubstr("left out"));
}

TEST_F(Copy, ASandboxThatLiesAboutNamesWritesNothingOutside) {
  stat("folder");
  tree(R"({"name":"../escaped","type":"file","mode":"0644"})");
  serve_content("evil");

  const auto ran = server.run({"cp", "box:/srv", here("out")});

  EXPECT_EQ(ran.code, 5);
  EXPECT_FALSE(fs::exists(root / "escaped"));
}

TEST_F(Copy, AnAnswerThatIsARefusalLeavesNoFile) {
  stat("file");
  server.problem("GET", "/v1/sandboxes/{id}/files/content", 409, "state_stopped", "it is stopped");

  EXPECT_EQ(server.run({"cp", "box:/srv/x", here("y")}).code, 4);

  EXPECT_TRUE(fs::is_empty(root));
}

TEST_F(Copy, AListingThatIsCutCopiesNothing) {
  stat("folder");
  server.answer("GET", "/v1/sandboxes/{id}/files/tree", 200, R"({"cut":true,"items":[]})");

  EXPECT_EQ(server.run({"cp", "box:/", here("out")}).code, 1);

  EXPECT_TRUE(fs::is_empty(root));
}

TEST_F(Copy, TakesAFolderInWithModesAndOddNames) {
  fs::create_directories(root / "d/sub");
  std::ofstream(root / "d/sub/a b+%\"") << "odd";
  std::ofstream(root / "d/run.sh") << "#!/bin/sh";
  fs::permissions(root / "d/run.sh", fs::perms(0750));
  fs::permissions(root / "d/sub/a b+%\"", fs::perms(0644));
  fs::create_symlink("run.sh", root / "d/link");
  server.problem("GET", "/v1/sandboxes/{id}/files/stat", 404, "not_found", "nothing there");
  server.answer("POST", "/v1/sandboxes/{id}/files/mkdir", 201, "{}");
  take_uploads();

  const auto ran = server.run({"cp", here("d"), "box:/srv/d", "--json"});

  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(uploads.at("/srv/d/sub/a b+%\" 0644"), "odd");
  EXPECT_EQ(uploads.at("/srv/d/run.sh 0750"), "#!/bin/sh");
  EXPECT_EQ(uploads.size(), 2u);
  const auto summary = json::parse(ran.out)->as_object();
  EXPECT_EQ(summary.at("files").to_number<int>(), 2);
  EXPECT_EQ(summary.at("left_out").as_array().size(), 1u);
}

TEST_F(Copy, PutsAFileIntoAFolderOfTheSandbox) {
  std::ofstream(root / "f") << "x";
  stat("folder");
  take_uploads();

  EXPECT_EQ(server.run({"cp", here("f"), "box:/srv"}).code, 0);

  EXPECT_EQ(uploads.begin()->first.substr(0, 6), "/srv/f");
}

TEST_F(Copy, OfSomethingThatIsNotHereAsksForNoUpload) {
  server.problem("GET", "/v1/sandboxes/{id}/files/stat", 404, "not_found", "nothing there");
  take_uploads();

  EXPECT_EQ(server.run({"cp", here("missing"), "box:/x"}).code, 3);

  EXPECT_TRUE(uploads.empty());
}

TEST_F(Copy, PrintsAFile) {
  serve_content(std::string("a\0b", 3));

  EXPECT_EQ(server.run({"cp", "box:/x", "-"}).out, std::string("a\0b", 3));
}

TEST_F(Copy, DownloadsAnArchiveWholeOrNotAtAll) {
  server.answer("GET", "/v1/archives/a/content", 200, "zstd");
  server.problem("GET", "/v1/archives/b/content", 404, "archive_not_found", "no archive");

  EXPECT_EQ(server.run({"archive", "download", "a", "-o", here("a.zst")}).code, 0);
  EXPECT_EQ(server.run({"archive", "download", "b", "-o", here("b.zst")}).code, 3);

  EXPECT_EQ(content("a.zst"), "zstd");
  EXPECT_FALSE(fs::exists(root / "b.zst"));
}

TEST_F(Copy, DownloadsAnArchiveWithoutItsCompressionOrOneFileOfIt) {
  server.answer("GET", "/v1/archives/a/download", 200, "tar");
  server.answer("GET", "/v1/archives/a/content", 200, "one file");

  EXPECT_EQ(server.run({"archive", "download", "a", "--tar", "-o", here("a.tar")}).code, 0);
  EXPECT_EQ(server.run({"archive", "download", "a", "--path", "/d/f x", "-o", "-"}).out, "one file");

  EXPECT_EQ(content("a.tar"), "tar");
  EXPECT_EQ(server.asked(), (std::vector<std::string>{"GET /v1/archives/a/download?format=tar",
                                                      "GET /v1/archives/a/content?path=%2Fd%2Ff%20x"}));
}

}  // namespace mayfly::cli
