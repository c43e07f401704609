#include <cerrno>

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver/crun_world.h"
#include "os/file.h"
#include "os/hash.h"

namespace mayfly::test {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

/// Bytes that come a few at a time.
class Pieces : public Source {
 public:
  Pieces(std::string bytes, std::size_t piece) : bytes_(std::move(bytes)), piece_(piece) {}
  Result<std::size_t> read(std::span<char> room) override {
    const auto count = std::min({room.size(), piece_, bytes_.size() - at_});
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at_), count, room.begin());
    at_ += count;
    return count;
  }

 private:
  const std::string bytes_;
  const std::size_t piece_;
  std::size_t at_ = 0;
};

class ImagesTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }

  void open() {
    ImageOptions options;
    options.data = data_;
    options.most_bytes = 64 << 20;
    options.most_entries = 800;
    options.keep_free = 1 << 20;
    images_.reset();
    auto opened = ImageFolder::open(options);
    ASSERT_TRUE(opened) << opened.error().message;
    images_ = std::move(*opened);
  }

  /// Runs a shell line in the work folder, where images are made.
  void make(const std::string& line) {
    os::RunOptions run;
    run.argv = {"/bin/sh", "-ec", line};
    run.cwd = work_;
    const auto outcome = os::run(run);
    ASSERT_TRUE(outcome) << outcome.error().message;
    ASSERT_EQ(outcome->exit_code, 0) << outcome->err;
  }

  /// A root file system of two files in work/root.
  void make_root() {
    make("mkdir -p root/bin root/etc && echo program > root/bin/tool && chmod 755 root/bin/tool"
         " && echo one > root/etc/conf && touch -d @1000000000 root/bin/tool root/etc/conf");
  }

  /// Writes a blob of an OCI layout, and tells its digest.
  std::string blob(const std::string& text) {
    const auto hex = os::sha256_hex(text);
    EXPECT_TRUE(os::make_folders(work_ + "/oci/blobs/sha256"));
    EXPECT_TRUE(os::write_file(work_ + "/oci/blobs/sha256/" + hex, text));
    return "sha256:" + hex;
  }

  void make_oci(const std::string& layer_file) {
    const auto layer = blob(*os::read_file(work_ + "/" + layer_file));
    const auto config = blob(R"({"config":{"Env":["A=1","PATH=/bin"],"WorkingDir":"/srv"}})");
    const auto manifest =
        blob(R"({"config":{"digest":")" + config + R"("},"layers":[{"digest":")" + layer + R"("}]})");
    ASSERT_TRUE(os::write_file(work_ + "/oci/oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
    ASSERT_TRUE(os::write_file(work_ + "/oci/index.json",
                               R"({"manifests":[{"digest":"sha256:0","platform":{"architecture":"arm64"}},)"
                               R"({"digest":")" + manifest + R"(","platform":{"architecture":"amd64"}}]})"));
  }

  std::string rootfs(const Image& image) const { return data_ + "/images/" + image.digest.substr(7) + "/rootfs"; }
  std::string text(const Image& image, const std::string& path) const {
    return os::read_file(rootfs(image) + path).value_or("absent");
  }
  Result<Image> import(const std::string& name) { return TRY(images_->unpack(work_ + "/" + name))->keep(); }
  std::vector<std::string> folders() const { return *os::list_folder(data_ + "/images"); }

  TemporaryFolder folder_;
  std::string data_ = folder_.path() + "/data";
  std::string work_ = [this] {
    EXPECT_TRUE(os::make_folders(folder_.path() + "/work"));
    return folder_.path() + "/work";
  }();
  std::unique_ptr<ImageFolder> images_;
};

TEST_F(ImagesTest, MakesBusyboxOnceForOneContent) {
  const auto first = images_->builtin_busybox();
  const auto second = images_->builtin_busybox();

  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->digest, second->digest);
  EXPECT_THAT(first->digest, StartsWith("sha256:"));
  EXPECT_GT(first->bytes, 1 << 20);
  EXPECT_EQ(folders().size(), 1u);
  EXPECT_EQ(images_->list()->size(), 1u);
}

TEST_F(ImagesTest, MakesWhatAContainerMountsOver) {
  const auto image = images_->builtin_busybox();
  ASSERT_TRUE(image) << image.error().message;

  for (const char* name : {"/proc", "/sys", "/dev", "/tmp", "/root", "/.mayfly"}) {
    struct stat info{};
    ASSERT_EQ(::lstat((rootfs(*image) + name).c_str(), &info), 0) << name;
    EXPECT_TRUE(S_ISDIR(info.st_mode)) << name;
    EXPECT_EQ(info.st_uid, 0u);
  }
  EXPECT_EQ(text(*image, "/.mayfly/agent"), "");
  EXPECT_EQ(text(*image, "/bin/sh"), text(*image, "/bin/busybox"));
}

TEST_F(ImagesTest, ImportsOneTreeFromEveryFormatAsOneImage) {
  make_root();
  make("tar -C root -cf plain.tar . && gzip -k plain.tar && xz -k plain.tar && zstd -q plain.tar -o plain.tar.zst");
  const auto plain = import("plain.tar");
  ASSERT_TRUE(plain) << plain.error().message;

  for (const char* name : {"plain.tar.gz", "plain.tar.xz", "plain.tar.zst"}) {
    const auto packed = import(name);
    ASSERT_TRUE(packed) << name << ": " << packed.error().message;
    EXPECT_EQ(packed->digest, plain->digest) << name;
  }
  EXPECT_EQ(text(*plain, "/bin/tool"), "program\n");
  EXPECT_EQ(folders().size(), 1u);
}

TEST_F(ImagesTest, ImportsWhatDockerSaves) {
  make_root();
  make("mkdir two saved && mkdir two/etc && echo two > two/etc/new && touch two/etc/.wh.conf"
       " && tar -C root -cf saved/one.tar . && tar -C two -cf saved/two.tar ."
       " && ln -s one.tar saved/linked.tar");
  ASSERT_TRUE(os::write_file(work_ + "/saved/config.json",
                             R"({"config":{"Env":["GREETING=hi","EMPTY="],"WorkingDir":"/srv"}})"));
  ASSERT_TRUE(os::write_file(work_ + "/saved/manifest.json",
                             R"([{"Config":"config.json","RepoTags":["x:y"],"Layers":["linked.tar","two.tar"]}])"));
  make("tar -C saved -cf saved.tar .");

  const auto image = import("saved.tar");

  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(text(*image, "/bin/tool"), "program\n");
  EXPECT_EQ(text(*image, "/etc/new"), "two\n");
  EXPECT_EQ(text(*image, "/etc/conf"), "absent");
  EXPECT_EQ(text(*image, "/manifest.json"), "absent");
  EXPECT_EQ(image->env, (std::map<std::string, std::string>{{"GREETING", "hi"}, {"EMPTY", ""}}));
  EXPECT_EQ(image->workdir, "/srv");
}

TEST_F(ImagesTest, ImportsAnOciLayoutAsFolderAndAsTar) {
  make_root();
  make("tar -C root -czf layer.tar.gz .");
  make_oci("layer.tar.gz");
  make("tar -C oci -cf oci.tar .");

  const auto folder = import("oci");
  const auto tar = import("oci.tar");

  ASSERT_TRUE(folder) << folder.error().message;
  ASSERT_TRUE(tar) << tar.error().message;
  EXPECT_EQ(folder->digest, tar->digest);
  EXPECT_EQ(text(*folder, "/bin/tool"), "program\n");
  EXPECT_EQ(folder->env.at("A"), "1");
}

TEST_F(ImagesTest, TwoSettingsOfOneTreeAreTwoImages) {
  make_root();
  make("tar -C root -cf plain.tar . && cp plain.tar layer.tar");
  make_oci("layer.tar");

  EXPECT_NE(import("plain.tar")->digest, import("oci")->digest);
}

TEST_F(ImagesTest, RefusesABlobThatIsNotWhatItsNameSays) {
  make_root();
  make("tar -C root -cf layer.tar .");
  make_oci("layer.tar");
  make("for f in oci/blobs/sha256/*; do if [ $(stat -c %s $f) -gt 5000 ]; then echo tail >> $f; fi; done");

  const auto image = import("oci");

  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, Code::invalid);
  EXPECT_THAT(image.error().message, HasSubstr("digest"));
  EXPECT_THAT(folders(), IsEmpty());
}

TEST_F(ImagesTest, RefusesWhatIsNoImage) {
  make("echo nonsense > text && mkdir empty && : > nothing");

  for (const char* name : {"text", "empty", "absent"}) EXPECT_FALSE(import(name)) << name;
  EXPECT_THAT(folders(), IsEmpty());
}

TEST_F(ImagesTest, RefusesAnEnvironmentThatNoProcessCanBeGiven) {
  make_root();
  make("mkdir saved && tar -C root -cf saved/one.tar .");
  ASSERT_TRUE(os::write_file(work_ + "/saved/config.json", R"({"config":{"Env":["A=1","B=2\u00003"]}})"));
  ASSERT_TRUE(os::write_file(work_ + "/saved/manifest.json",
                             R"([{"Config":"config.json","RepoTags":["x:y"],"Layers":["one.tar"]}])"));
  make("tar -C saved -cf saved.tar .");

  const auto image = import("saved.tar");

  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, Code::invalid);
  EXPECT_NE(image.error().message.find("NUL"), std::string::npos) << image.error().message;
  EXPECT_THAT(folders(), IsEmpty());
}

TEST_F(ImagesTest, RefusesTarsThatReachOutside) {
  make("echo evil > evil && mkdir -p d && echo evil > d/x && ln -s " + folder_.path() + "/target out"
       " && mkdir " + folder_.path() + "/target"
       " && tar -P --transform 's,^evil,../../../evil-above,' -cf dots.tar evil"
       " && tar -P --transform 's,^evil," + folder_.path() + "/target/absolute,' -cf absolute.tar evil"
       " && tar -cf link.tar out && tar -rf link.tar --transform 's,^d/x,out/through,' d/x");

  for (const char* name : {"dots.tar", "link.tar", "absolute.tar"}) (void)import(name);

  EXPECT_THAT(*os::list_folder(folder_.path() + "/target"), IsEmpty());
  EXPECT_FALSE(os::read_file(folder_.path() + "/evil-above"));
  EXPECT_FALSE(os::read_file(data_ + "/evil-above"));
  EXPECT_FALSE(os::read_file(data_ + "/images/evil-above"));
}

TEST_F(ImagesTest, RefusesAMountPointThatIsALink) {
  make_root();
  make("ln -s /etc root/proc && tar -C root -cf plain.tar .");

  const auto image = import("plain.tar");

  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, Code::invalid);
  EXPECT_THAT(folders(), IsEmpty());
}

TEST_F(ImagesTest, TakesTheAgentsPlaceFromTheImage) {
  make_root();
  make("ln -s /etc root/.mayfly && tar -C root -cf plain.tar .");

  const auto image = import("plain.tar");

  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(text(*image, "/.mayfly/agent"), "");
  EXPECT_EQ(text(*image, "/etc/agent"), "absent");
}

TEST_F(ImagesTest, FollowsNoLinkOfTheImageToTheHost) {
  make("mkdir saved && ln -s /etc/passwd saved/config.json && ln -s /etc/hostname saved/layer.tar");
  ASSERT_TRUE(os::write_file(work_ + "/saved/manifest.json", R"([{"Config":"config.json","Layers":["layer.tar"]}])"));
  make("tar -C saved -cf saved.tar .");

  EXPECT_FALSE(import("saved.tar"));
  EXPECT_THAT(folders(), IsEmpty());
}

TEST_F(ImagesTest, LeavesDevicesOut) {
  make_root();
  make("mknod root/disk b 254 0 && tar -C root -cf plain.tar . && rm root/disk");

  const auto image = import("plain.tar");

  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(::access((rootfs(*image) + "/disk").c_str(), F_OK), -1);
}

TEST_F(ImagesTest, StopsAtItsLimits) {
  make_root();
  make("truncate -s 1T root/huge && tar -C root --sparse -cf huge.tar . && rm root/huge"
       " && mkdir root/many && (cd root/many && seq 900 | xargs touch) && tar -C root -cf many.tar .");

  for (const char* name : {"huge.tar", "many.tar"}) {
    const auto image = import(name);
    ASSERT_FALSE(image) << name;
    EXPECT_EQ(image.error().code, Code::too_large) << name << ": " << image.error().message;
  }
  EXPECT_THAT(folders(), IsEmpty());
}

TEST_F(ImagesTest, RemovesAnImageTwice) {
  const auto image = images_->builtin_busybox();
  ASSERT_TRUE(image);

  EXPECT_TRUE(images_->remove(image->digest));
  EXPECT_TRUE(images_->remove(image->digest));

  EXPECT_THAT(folders(), IsEmpty());
  EXPECT_THAT(*images_->list(), IsEmpty());
}

TEST_F(ImagesTest, RemovesNothingByABadDigest) {
  for (const char* digest : {"", "sha256:..", "sha256:../../run"}) EXPECT_FALSE(images_->remove(digest)) << digest;
}

TEST_F(ImagesTest, ATarThatArrivesIsTheSameImage) {
  make_root();
  make("tar -C root -cf plain.tar . && zstd -q plain.tar");
  const auto plain = import("plain.tar");
  ASSERT_TRUE(plain) << plain.error().message;

  Pieces arriving(*os::read_file(work_ + "/plain.tar.zst"), 700);
  const auto streamed = (*images_->unpack(arriving))->keep();

  ASSERT_TRUE(streamed) << streamed.error().message;
  EXPECT_EQ(streamed->digest, plain->digest);
}

TEST_F(ImagesTest, ATarThatBreaksOffIsRefused) {
  make_root();
  make("head -c 300000 /dev/urandom > root/etc/data && tar -C root -cf plain.tar . && gzip -k plain.tar");

  for (const char* name : {"plain.tar", "plain.tar.gz"}) {
    const auto whole = *os::read_file(work_ + "/" + name);
    Pieces arriving(whole.substr(0, whole.size() / 2), 4096);
    const auto refused = images_->unpack(arriving);
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().code, Code::invalid) << refused.error().message;
  }
  EXPECT_THAT(folders(), IsEmpty());
}

TEST_F(ImagesTest, RefusesAnArchiveOfSeveralImages) {
  make_root();
  make("mkdir two && tar -C root -cf two/layer.tar . && echo '{}' > two/config.json && printf "
       "'[{\"Config\":\"config.json\",\"Layers\":[\"layer.tar\"]},{\"Config\":\"config.json\",\"Layers\":[]}]' "
       "> two/manifest.json && tar -C two -cf two.tar .");

  const auto refused = import("two.tar");

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid);
  EXPECT_THAT(refused.error().message, HasSubstr("2 images"));
  EXPECT_THAT(folders(), IsEmpty());
}

TEST_F(ImagesTest, MakesTheWorkingFolderThatTheImageNames) {
  make_root();
  make("ln -s etc root/srv && tar -C root -cf layer.tar .");
  make_oci("layer.tar");

  const auto image = import("oci");

  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->workdir, "/srv");
  EXPECT_EQ(text(*image, "/srv/conf"), "one\n") << "a link of the image stays one";
}

TEST_F(ImagesTest, ADraftThatIsDroppedLeavesNothing) {
  make_root();
  make("tar -C root -cf plain.tar .");

  ASSERT_TRUE(images_->unpack(work_ + "/plain.tar"));

  EXPECT_THAT(folders(), IsEmpty());
}

TEST_F(ImagesTest, ClearsUnfinishedWork) {
  ASSERT_TRUE(os::make_folders(data_ + "/images/.work-abc/rootfs/etc"));
  ASSERT_TRUE(os::make_folders(data_ + "/images/.gone-abc/rootfs/etc"));

  ASSERT_TRUE(images_->clear_unfinished());

  EXPECT_THAT(folders(), IsEmpty());
}

}  // namespace mayfly::test
