// The sealing key in a TPM 2.0, against swtpm: the reference TPM in a process of its own.
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "identity/sealing_key.hpp"
#include "tests/support/scratch.hpp"

namespace sluice::identity {
namespace {

// One TPM with its state in a folder. With --daemon the command returns when the socket is there.
class Swtpm {
 public:
  explicit Swtpm(const std::filesystem::path& folder) : folder_(folder) {
    std::filesystem::create_directories(folder);
    std::vector<std::string> words = {"swtpm",
                                      "socket",
                                      "--tpm2",
                                      "--tpmstate",
                                      "dir=" + folder.string(),
                                      "--server",
                                      "type=unixio,path=" + socket(),
                                      "--ctrl",
                                      "type=unixio,path=" + socket() + ".ctrl",
                                      "--flags",
                                      "not-need-init,startup-clear",
                                      "--daemon",
                                      "--pid",
                                      "file=" + (folder / "pid").string()};
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_t pid = 0;
    int status = -1;
    if (::posix_spawnp(&pid, "swtpm", nullptr, nullptr, arguments.data(), environ) == 0)
      ::waitpid(pid, &status, 0);
    started_ = status == 0;
  }
  ~Swtpm() {
    std::ifstream file(folder_ / "pid");
    pid_t pid = 0;
    if (file >> pid && pid > 1) ::kill(pid, SIGTERM);
  }
  Swtpm(const Swtpm&) = delete;
  Swtpm& operator=(const Swtpm&) = delete;

  bool started() const { return started_; }
  std::string tcti() const { return "swtpm:path=" + socket(); }

 private:
  std::string socket() const { return (folder_ / "sock").string(); }
  std::filesystem::path folder_;
  bool started_ = false;
};

class TpmKey : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("TSS2_LOG", "all+none", 1);  // the library's own words on stderr
    if (!tpm.started()) GTEST_SKIP() << "swtpm is not installed";
    options.with = SealOptions::With::tpm;
    options.tpm = tpm.tcti();
  }
  sluice::test::Scratch scratch;
  Swtpm tpm{scratch.path() / "tpm"};
  SealOptions options;
};

TEST_F(TpmKey, IsSealedOnceAndComesBackFromTheSameTpm) {
  const auto first = load_seal(options, scratch.path(), false);
  ASSERT_TRUE(first) << first.error().text;
  const auto sealed = *first->close("m1", "key", "secret");
  const auto again = load_seal(options, scratch.path(), true);
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(again->open("m1", "key", sealed)->text(), "secret");
}

TEST_F(TpmKey, DoesNotComeFromAnotherTpm) {
  ASSERT_TRUE(load_seal(options, scratch.path(), false));
  const Swtpm other(scratch.path() / "other");
  ASSERT_TRUE(other.started());
  options.tpm = other.tcti();
  const auto none = load_seal(options, scratch.path(), true);
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().text.find("another TPM"), std::string::npos) << none.error().text;
}

TEST_F(TpmKey, ADamagedBlobIsSaidInWords) {
  ASSERT_TRUE(load_seal(options, scratch.path(), false));
  std::ofstream(scratch.path() / "seal.tpm") << "0011";
  const auto none = load_seal(options, scratch.path(), true);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, errc::corrupt) << none.error().text;
}

// A build with tpm2-tss on a machine without it, or with half of it.
TEST(TpmLibrary, ThatIsNotThereIsToldWithItsPackage) {
  const sluice::test::Scratch scratch;
  const auto folder = scratch.path().string() + "/";
  const auto told = [&] {
    const auto none = tpm_sealed_key("device:/dev/tpmrm0", scratch.path() / "seal.tpm", false, folder);
    EXPECT_FALSE(none);
    return none ? Error{} : none.error();
  };
  if (told().text.starts_with("this build has no TPM support")) GTEST_SKIP() << told().text;
  EXPECT_EQ(told().code, errc::unsupported);
  EXPECT_TRUE(told().text.starts_with("the TPM at device:/dev/tpmrm0: " + folder +
                                      "libtss2-esys.so.0 cannot be loaded: install the package "
                                      "libtss2-esys-3.0.2-0 ("))
      << told().text;
  std::ofstream(folder + "libtss2-esys.so.0") << "half an upgrade";
  EXPECT_NE(told().text.find("libtss2-esys-3.0.2-0 ("), std::string::npos) << told().text;
  EXPECT_FALSE(std::filesystem::exists(scratch.path() / "seal.tpm"));
}

}  // namespace
}  // namespace sluice::identity
