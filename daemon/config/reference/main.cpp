// Prints docs/config.md: `config_reference > docs/config.md` after a change of the schema.
#include <cstdio>

#include "config/config.hpp"

int main() {
  const auto text = sluice::config::config_reference_markdown();
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() ? 0 : 1;
}
