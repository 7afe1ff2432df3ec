// Where the sealing key comes from: a file of its own, a systemd credential, or a TPM 2.0 (tpm_key.cpp). Used
// at the start of the identity room, and by `sluicectl check` in words.
#pragma once

#include <filesystem>
#include <string>

#include "core/error.hpp"
#include "core/options.hpp"
#include "identity/seal.hpp"

namespace sluice::identity {

// `directory`: the store's; a key file and a TPM's blob live there unless the options say otherwise.
// `sealed_before`: something is sealed already, so a missing key is an error instead of the occasion to make
// one. Blocks: for start-up. Errors: io, denied (others may read it), not_found, unsupported (no TPM in this
// build, or its library is not installed), corrupt.
result<Seal> load_seal(const SealOptions& options, const std::filesystem::path& directory,
                       bool sealed_before);

std::filesystem::path seal_file(const SealOptions& options, const std::filesystem::path& directory);

// tpm_key.cpp: 32 random bytes sealed under the TPM's storage hierarchy; only the blob is on disk, in `blob`.
// `library_folder`: where tpm2-tss is, with a slash at its end; empty: where the system keeps its libraries.
result<Secret> tpm_sealed_key(const std::string& tcti, const std::filesystem::path& blob, bool sealed_before,
                              const std::string& library_folder = "");

// Whole files of secrets: read with their mode looked at; written with 0600 and fsync, never over another.
// `group_may_read`: an operator's file, owned by root and readable by the daemon's group (0640).
result<Secret> read_secret_file(const std::filesystem::path& path, const std::string& what,
                                bool group_may_read = false);
result<void> write_secret_file(const std::filesystem::path& path, std::string_view text);

}  // namespace sluice::identity
