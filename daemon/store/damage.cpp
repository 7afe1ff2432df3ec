#include "store/damage.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace sluice::store {

void suspect(const std::filesystem::path& file) {
  const int fd = ::open((file.string() + ".suspect").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (fd >= 0) ::close(fd);
}

}  // namespace sluice::store
