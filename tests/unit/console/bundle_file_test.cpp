// The file of support-bundle: others' tar reads it, nobody else may, and it overwrites nothing.
#include "ctl/bundle_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <fstream>
#include <memory>

#include "tests/support/scratch.hpp"

namespace sluice::ctl {
namespace {

std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "re"), ::pclose);
  std::string text(64 * 1024, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), pipe.get()));
  return text;
}

TEST(BundleFile, IsReadByTarWhateverTheSizeOfItsParts) {
  const test::Scratch scratch;
  const auto file = scratch.path() / "bundle.tar.zst";
  BundleFile bundle(1'790'000'000);
  bundle.add("empty.txt", "");
  bundle.add("block.txt", std::string(512, 'b'));
  bundle.add("status.json", "{\"thing\":\"gw-1\"}\n");
  ASSERT_TRUE(bundle.write(file));
  EXPECT_EQ(output_of("tar --zstd -tf " + file.string()), "empty.txt\nblock.txt\nstatus.json\n");
  EXPECT_EQ(output_of("tar --zstd -xOf " + file.string() + " status.json"), "{\"thing\":\"gw-1\"}\n");
  EXPECT_EQ(output_of("tar --zstd -xOf " + file.string() + " block.txt"), std::string(512, 'b'));
}

TEST(BundleFile, IsForItsOwnerOnlyAndReplacesNothing) {
  const test::Scratch scratch;
  const auto file = scratch.path() / "bundle.tar.zst";
  ASSERT_TRUE(BundleFile(0).write(file));
  struct stat info{};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);

  const auto again = BundleFile(0).write(file);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, errc::exists);
  const auto nowhere = BundleFile(0).write(scratch.path() / "none" / "bundle");
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, errc::io);
}

}  // namespace
}  // namespace sluice::ctl
