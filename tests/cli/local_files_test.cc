#include "cli/local_files.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace mayfly::cli {

namespace fs = std::filesystem;

namespace {

class LocalFiles : public testing::Test {
 protected:
  LocalFiles() {
    std::string folder = (fs::temp_directory_path() / "mayfly-cli-XXXXXX").string();
    root = ::mkdtemp(folder.data());
  }
  ~LocalFiles() override { fs::remove_all(root); }

  std::string content(const fs::path& file) {
    std::stringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  }
  std::size_t entries() { return static_cast<std::size_t>(std::distance(fs::directory_iterator(root), {})); }

  fs::path root;
};

}  // namespace

TEST(PlaceOfCopy, TellsASandboxFromAFileHere) {
  const struct {
    const char* text;
    const char* sandbox;
    const char* path;
  } rows[] = {
      {"job-1:/tmp/x", "job-1", "/tmp/x"}, {"sbx_0a:/", "sbx_0a", "/"},   {"/tmp/x", "", "/tmp/x"},
      {"./a:/b", "", "./a:/b"},            {"a:b", "", "a:b"},            {":/x", "", ":/x"},
      {"-", "", "-"},                      {"a/b:/c", "", "a/b:/c"},      {"x:/a:/b", "x", "/a:/b"},
      {"", "", ""},
  };
  for (const auto& row : rows) {
    const auto place = parse_place(row.text);
    EXPECT_EQ(place.sandbox, row.sandbox) << row.text;
    EXPECT_EQ(place.path, row.path) << row.text;
  }
}

TEST_F(LocalFiles, NoNameOfASandboxLeadsOut) {
  fs::create_directory(root / "real");
  fs::create_symlink("/etc", root / "link");

  EXPECT_EQ(*below(root, "real/new/x"), root / "real/new/x");
  EXPECT_EQ(*below(root, "link"), root / "link") << "the leaf itself is replaced, never followed";
  const std::string with_nul("a\0b", 3);
  for (const std::string name :
       {"../x", "real/../../x", "/etc/passwd", "", ".", "..", "a//b", "a/", "link/passwd", "a/./b"})
    EXPECT_EQ(below(root, name).error().code, Code::denied) << name;
  EXPECT_FALSE(below(root, with_nul));
}

TEST_F(LocalFiles, ANewFileAppearsWholeWithItsModeOrNotAtAll) {
  {
    auto file = NewFile::beside(root / "x");
    ASSERT_TRUE(file);
    EXPECT_TRUE(file->write("half"));
    EXPECT_FALSE(fs::exists(root / "x"));
  }
  EXPECT_EQ(entries(), 0u);

  auto file = NewFile::beside(root / "x");
  EXPECT_TRUE(file->write("who") && file->write("le"));
  ASSERT_TRUE(file->keep(04755));

  EXPECT_EQ(content(root / "x"), "whole");
  EXPECT_EQ(entries(), 1u);
  struct stat info{};
  ASSERT_EQ(::stat((root / "x").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0755u) << "a sandbox makes nothing setuid here";
}

TEST_F(LocalFiles, ANewFileReplacesALinkAndNotWhatItLeadsTo) {
  std::ofstream(root / "target") << "precious";
  fs::create_symlink(root / "target", root / "link");

  auto file = NewFile::beside(root / "link");
  file->write("new");
  ASSERT_TRUE(file->keep(0644));

  EXPECT_EQ(content(root / "target"), "precious");
  EXPECT_EQ(content(root / "link"), "new");
}

TEST_F(LocalFiles, WhereNoFileCanBeMadeTheErrorNamesIt) {
  const auto nowhere = NewFile::beside(root / "missing" / "x");
  ASSERT_FALSE(nowhere);
  EXPECT_NE(nowhere.error().message.find("missing/x"), std::string::npos);

  fs::create_directory(root / "folder");
  auto file = NewFile::beside(root / "folder");
  ASSERT_TRUE(file);
  EXPECT_FALSE(file->keep(0644)) << "a folder is not replaced by a file";
}

TEST(BaseName, IsTheLastSegmentThatIsOne) {
  EXPECT_EQ(base_name("/a/b"), "b");
  EXPECT_EQ(base_name("/a/b/"), "b");
  EXPECT_EQ(base_name("a/./b/."), "b");
  EXPECT_EQ(base_name("b"), "b");
  EXPECT_EQ(base_name("."), fs::current_path().filename().string());
  EXPECT_EQ(base_name("/"), "");
}

}  // namespace mayfly::cli
