#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "codec/identicon.h"
#include "features/media/blobs.h"
#include "features/media/child.h"
#include "features/media/pictures.h"
#include "features/media/sandbox.h"

namespace stampede::media {
namespace {

// The test program is its own media child, as the server is: the process that PictureMaker starts
// never gets to main().
[[maybe_unused]] const bool kIsChild = [] {
  std::ifstream file("/proc/self/cmdline");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::string arguments = text.substr(std::min(text.find('\0') + 1, text.size()));
  constexpr std::string_view kWord("media-child\0", 12);
  if (!arguments.starts_with(kWord)) return false;
  RunChildAndExit(arguments.substr(kWord.size()).c_str());
}();

class MediaTest : public ::testing::Test {
 protected:
  ~MediaTest() override { std::filesystem::remove_all(directory); }

  SystemClock clock;
  SeededRandom random{1};
  std::filesystem::path directory =
      std::filesystem::temp_directory_path() / ("stampede_blobs_" + std::to_string(getpid()));

  std::string RefusalOf(const std::string& bytes, PictureOptions options = {}) {
    PictureMaker maker(std::move(options), clock);
    try {
      maker.Make(PictureKind::kAvatar, bytes);
      return "made";
    } catch (const Error& error) {
      return error.public_text();
    }
  }
};

// Width and height of a PNG (RFC 2083, 4.1.1) or of a baseline JPEG.
std::pair<int, int> SizeOfFile(const std::string& file) {
  auto at = [&](size_t i) { return static_cast<unsigned char>(file[i]); };
  if (file.starts_with("\x89PNG")) return {at(18) << 8 | at(19), at(22) << 8 | at(23)};
  for (size_t i = 2; i + 9 < file.size(); i += 2 + (at(i + 2) << 8 | at(i + 3))) {
    if (at(i + 1) == 0xC0 || at(i + 1) == 0xC2) {
      return {at(i + 7) << 8 | at(i + 8), at(i + 5) << 8 | at(i + 6)};
    }
  }
  return {0, 0};
}

TEST_F(MediaTest, ABlobIsReadBackUntilItIsDeleted) {
  auto blobs = MakeLocalBlobStore(directory, random);
  std::string name = blobs->Put("bytes", "image/png");
  EXPECT_TRUE(IsBlobName(name));
  EXPECT_EQ(blobs->Get(name)->bytes, "bytes");
  EXPECT_EQ(blobs->Get(name)->content_type, "image/png");
  EXPECT_EQ(MakeLocalBlobStore(directory, random)->Get(name)->bytes, "bytes");
  blobs->Delete(name);
  blobs->Delete(name);
  EXPECT_EQ(blobs->Get(name), std::nullopt);
}

TEST_F(MediaTest, EqualBytesAreTwoBlobsSoThatDeletingOneIsSafe) {
  auto blobs = MakeLocalBlobStore(directory, random);
  std::string one = blobs->Put("same", "image/png"), two = blobs->Put("same", "image/png");
  blobs->Delete(one);
  EXPECT_EQ(blobs->Get(two)->bytes, "same");
}

TEST_F(MediaTest, OnlyNamesOfBlobsAreLookedUp) {
  auto blobs = MakeLocalBlobStore(directory, random);
  for (std::string name :
       {"", "../../../etc/passwd", "ab", "tmp/x.png", "0123456789abcdef0123456789abcdef.exe",
        "0123456789ABCDEF0123456789abcdef.png", "0123456789abcdef0123456789abcdef.png/../x",
        "../3456789abcdef0123456789abcdef.png"}) {
    EXPECT_FALSE(IsBlobName(name)) << name;
    EXPECT_EQ(blobs->Get(name), std::nullopt) << name;
    blobs->Delete(name);
  }
}

TEST_F(MediaTest, WhatACrashLeftInTmpGoesAtTheNextStart) {
  MakeLocalBlobStore(directory, random);
  std::ofstream(directory / "tmp" / "half") << "half";
  MakeLocalBlobStore(directory, random);
  EXPECT_TRUE(std::filesystem::is_empty(directory / "tmp"));
}

TEST_F(MediaTest, PicturesAreCroppedToTheirKindsSize) {
  PictureMaker maker({}, clock);
  Blob avatar = maker.Make(PictureKind::kAvatar, codec::HeaderPng(3, 900, 300));
  EXPECT_EQ(SizeOfFile(avatar.bytes), std::pair(400, 400));
  Blob header = maker.Make(PictureKind::kHeader, codec::AvatarPng(3, 200));
  EXPECT_EQ(SizeOfFile(header.bytes), std::pair(1500, 500));
  EXPECT_FALSE(ExtensionFor(header.content_type).empty());
}

TEST_F(MediaTest, WhatIsNoPictureNeverReachesADecoder) {
  PictureOptions none;
  none.child = {"/does/not/exist"};
  EXPECT_EQ(RefusalOf("<svg onload=alert(1)>", none),
            "Validation failed: Avatar must be a JPEG, PNG, GIF or WebP picture");
  EXPECT_EQ(RefusalOf(std::string(9 * 1024 * 1024, 'x'), none),
            "Validation failed: Avatar must be less than 8 MB");
}

TEST_F(MediaTest, ABrokenPictureIsRefused) {
  std::string png = codec::AvatarPng(1, 64);
  EXPECT_EQ(RefusalOf(png.substr(0, 30)),
            "Validation failed: Avatar could not be read as a picture");
}

TEST_F(MediaTest, APictureWithTooManyPixelsIsRefusedByItsHead) {
  std::string png = codec::AvatarPng(1, 64);
  // A width and a height of 0x4000 = 16,384 in the first chunk, with the checksum of that.
  const std::string head("\0\0\x40\0\0\0\x40\0\x08\x02\0\0\0", 13);
  png.replace(16, 13, head);
  uint32_t crc = 0xffffffff;
  for (unsigned char c : "IHDR" + head) {
    crc ^= c;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
  }
  crc = ~crc;
  for (int i = 0; i < 4; ++i) png[29 + i] = static_cast<char>(crc >> (24 - 8 * i));
  EXPECT_EQ(RefusalOf(png), "Validation failed: Avatar has too many pixels");
}

TEST_F(MediaTest, AChildThatHangsOrCrashesIsAnUnreadablePicture) {
  const std::string unreadable = "Validation failed: Avatar could not be read as a picture";
  PictureOptions hangs{.child = {"/bin/sh", "-c", "exec sleep 60"}, .timeout_ms = 50};
  EXPECT_EQ(RefusalOf(codec::AvatarPng(1, 16), hangs), unreadable);
  PictureOptions crashes{.child = {"/bin/sh", "-c", "kill -SEGV $$"}};
  EXPECT_EQ(RefusalOf(codec::AvatarPng(1, 16), crashes), unreadable);
  PictureOptions floods{.child = {"/bin/sh", "-c", "exec cat /dev/zero"}};
  EXPECT_EQ(RefusalOf(codec::AvatarPng(1, 16), floods), unreadable);
}

// Exits with 0 if everything is refused, 42 where there is no seccomp.
[[noreturn]] void TryWhatIsForbidden() {
  if (!DropSystemCalls()) _exit(42);
  if (syscall(SYS_socket, 1, 1, 0) >= 0 || errno != EPERM) _exit(1);
  if (open("/tmp/stampede_sandbox_test", O_CREAT | O_WRONLY, 0600) >= 0 || errno != EPERM) _exit(2);
  char* arguments[] = {nullptr};
  if (execve("/bin/true", arguments, arguments) == 0 || errno != EPERM) _exit(3);
  if (open("/proc/self/cmdline", O_RDONLY) < 0) _exit(4);
  _exit(0);
}

TEST_F(MediaTest, TheSandboxRefusesSocketsProgramsAndWriting) {
  GTEST_FLAG_SET(death_test_style, "fast");
  EXPECT_EXIT(
      TryWhatIsForbidden(),
      [](int status) {
        return WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 42);
      },
      "");
}

}  // namespace
}  // namespace stampede::media
