// The sealing key in a TPM 2.0: random bytes sealed under the storage hierarchy. What is on disk opens on
// this machine only. With tpm_library the only file that sees the TPM's library; without it in the build, it
// says so.
#include <fmt/format.h>

#include "identity/sealing_key.hpp"

#ifdef SLUICE_TPM
#include <openssl/rand.h>

#include <array>
#include <cstring>
#include <memory>

#include "identity/tpm_library.hpp"

namespace sluice::identity {
namespace {

template <typename T>
using Out = std::unique_ptr<T, decltype(&Esys_Free)>;

TPM2B_PUBLIC storage_key() {
  TPM2B_PUBLIC made{};
  auto& area = made.publicArea;
  area.type = TPM2_ALG_ECC;
  area.nameAlg = TPM2_ALG_SHA256;
  area.objectAttributes = TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT | TPMA_OBJECT_FIXEDTPM |
                          TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
                          TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA;
  auto& ecc = area.parameters.eccDetail;
  ecc.symmetric.algorithm = TPM2_ALG_AES;
  ecc.symmetric.keyBits.aes = 128;
  ecc.symmetric.mode.aes = TPM2_ALG_CFB;
  ecc.scheme.scheme = TPM2_ALG_NULL;
  ecc.curveID = TPM2_ECC_NIST_P256;
  ecc.kdf.scheme = TPM2_ALG_NULL;
  return made;
}

class Tpm {
 public:
  Tpm(const TpmLibrary& tss, std::string tcti) : tss_(tss), tcti_(std::move(tcti)) {}
  ~Tpm() {
    for (auto handle : {object_, session_, primary_}) {
      if (handle != ESYS_TR_NONE) tss_.Esys_FlushContext(esys_, handle);
    }
    if (esys_ != nullptr) tss_.Esys_Finalize(&esys_);
    if (transport_ != nullptr) tss_.Tss2_TctiLdr_Finalize(&transport_);
  }
  Tpm(const Tpm&) = delete;
  Tpm& operator=(const Tpm&) = delete;

  result<void> open() {
    if (auto rc = tss_.Tss2_TctiLdr_Initialize(tcti_.c_str(), &transport_); rc != TSS2_RC_SUCCESS)
      return failed("cannot be reached", rc);
    if (auto rc = tss_.Esys_Initialize(&esys_, transport_, nullptr); rc != TSS2_RC_SUCCESS)
      return failed("does not answer", rc);
    const TPM2B_SENSITIVE_CREATE sensitive{};
    const auto key = storage_key();
    const TPM2B_DATA outside{};
    const TPML_PCR_SELECTION pcrs{};
    // The same key each time: derived from the seed of the storage hierarchy.
    if (auto rc = tss_.Esys_CreatePrimary(esys_, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                          ESYS_TR_NONE, &sensitive, &key, &outside, &pcrs, &primary_, nullptr,
                                          nullptr, nullptr, nullptr);
        rc != TSS2_RC_SUCCESS)
      return failed("no storage key (is the owner hierarchy behind a password?)", rc);
    // What is sealed and unsealed passes the bus encrypted.
    TPMT_SYM_DEF cipher{};
    cipher.algorithm = TPM2_ALG_AES;
    cipher.keyBits.aes = 128;
    cipher.mode.aes = TPM2_ALG_CFB;
    if (auto rc = tss_.Esys_StartAuthSession(esys_, primary_, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                             ESYS_TR_NONE, nullptr, TPM2_SE_HMAC, &cipher, TPM2_ALG_SHA256,
                                             &session_);
        rc != TSS2_RC_SUCCESS)
      return failed("no session", rc);
    constexpr TPMA_SESSION kEncrypted =
        TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT | TPMA_SESSION_CONTINUESESSION;
    if (auto rc = tss_.Esys_TRSess_SetAttributes(esys_, session_, kEncrypted, 0xff); rc != TSS2_RC_SUCCESS)
      return failed("no encrypted session", rc);
    return {};
  }

  result<std::string> seal(const std::array<unsigned char, Seal::kKeyBytes>& secret) {
    TPM2B_SENSITIVE_CREATE sensitive{};
    sensitive.sensitive.data.size = static_cast<UINT16>(secret.size());
    std::memcpy(sensitive.sensitive.data.buffer, secret.data(), secret.size());
    TPM2B_PUBLIC kind{};
    kind.publicArea.type = TPM2_ALG_KEYEDHASH;
    kind.publicArea.nameAlg = TPM2_ALG_SHA256;
    kind.publicArea.objectAttributes =
        TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA;
    kind.publicArea.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
    const TPM2B_DATA outside{};
    const TPML_PCR_SELECTION pcrs{};
    TPM2B_PRIVATE* closed = nullptr;
    TPM2B_PUBLIC* open = nullptr;
    const auto rc = tss_.Esys_Create(esys_, primary_, session_, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &kind,
                                     &outside, &pcrs, &closed, &open, nullptr, nullptr, nullptr);
    ::explicit_bzero(&sensitive, sizeof(sensitive));
    if (rc != TSS2_RC_SUCCESS) return failed("cannot seal", rc);
    const Out<TPM2B_PRIVATE> free_closed(closed, tss_.Esys_Free);
    const Out<TPM2B_PUBLIC> free_open(open, tss_.Esys_Free);
    std::array<unsigned char, sizeof(TPM2B_PUBLIC) + sizeof(TPM2B_PRIVATE)> raw{};
    std::size_t size = 0;
    if (tss_.Tss2_MU_TPM2B_PUBLIC_Marshal(open, raw.data(), raw.size(), &size) != TSS2_RC_SUCCESS ||
        tss_.Tss2_MU_TPM2B_PRIVATE_Marshal(closed, raw.data(), raw.size(), &size) != TSS2_RC_SUCCESS)
      return Error{errc::io, "what the TPM sealed cannot be written"};
    std::string hex;
    for (std::size_t i = 0; i < size; ++i) hex += fmt::format("{:02x}", raw[i]);
    return hex;
  }

  result<Secret> unseal(std::string_view hex) {
    std::string raw;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
      raw.push_back(static_cast<char>(std::strtoul(std::string(hex.substr(i, 2)).c_str(), nullptr, 16)));
    TPM2B_PUBLIC open{};
    TPM2B_PRIVATE closed{};
    std::size_t at = 0;
    const auto* data = reinterpret_cast<const unsigned char*>(raw.data());
    if (tss_.Tss2_MU_TPM2B_PUBLIC_Unmarshal(data, raw.size(), &at, &open) != TSS2_RC_SUCCESS ||
        tss_.Tss2_MU_TPM2B_PRIVATE_Unmarshal(data, raw.size(), &at, &closed) != TSS2_RC_SUCCESS)
      return Error{errc::corrupt, "the file of what the TPM sealed is damaged"};
    if (auto rc =
            tss_.Esys_Load(esys_, primary_, session_, ESYS_TR_NONE, ESYS_TR_NONE, &closed, &open, &object_);
        rc != TSS2_RC_SUCCESS)
      return failed("does not load what was sealed: sealed by another TPM, or the TPM was cleared", rc);
    TPM2B_SENSITIVE_DATA* secret = nullptr;
    if (auto rc = tss_.Esys_Unseal(esys_, object_, session_, ESYS_TR_NONE, ESYS_TR_NONE, &secret);
        rc != TSS2_RC_SUCCESS)
      return failed("does not unseal", rc);
    const Out<TPM2B_SENSITIVE_DATA> free_secret(secret, tss_.Esys_Free);
    Secret out(std::string_view(reinterpret_cast<const char*>(secret->buffer), secret->size));
    ::explicit_bzero(secret->buffer, secret->size);
    return out;
  }

 private:
  Error failed(const std::string& what, TSS2_RC code) const {
    return {errc::io, fmt::format("the TPM at {}: {}: {}", tcti_, what, tss_.Tss2_RC_Decode(code))};
  }

  const TpmLibrary tss_;
  std::string tcti_;
  TSS2_TCTI_CONTEXT* transport_ = nullptr;
  ESYS_CONTEXT* esys_ = nullptr;
  ESYS_TR primary_ = ESYS_TR_NONE, session_ = ESYS_TR_NONE, object_ = ESYS_TR_NONE;
};

}  // namespace

result<Secret> tpm_sealed_key(const std::string& tcti, const std::filesystem::path& blob, bool sealed_before,
                              const std::string& library_folder) {
  auto known = read_secret_file(blob, "what the TPM sealed");
  if (!known && (known.error().code != errc::not_found || sealed_before)) return known.error();
  const auto tss = load_tpm_library(library_folder);
  if (!tss) return Error{tss.error().code, fmt::format("the TPM at {}: {}", tcti, tss.error().text)};
  Tpm tpm(*tss, tcti);
  if (auto opened = tpm.open(); !opened) return opened.error();
  if (known) return tpm.unseal(known->text());
  std::array<unsigned char, Seal::kKeyBytes> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1)
    return Error{errc::io, "OpenSSL has no random bytes for a sealing key"};
  auto sealed = tpm.seal(random);
  Secret key(std::string_view(reinterpret_cast<const char*>(random.data()), random.size()));
  ::explicit_bzero(random.data(), random.size());
  if (!sealed) return sealed.error();
  if (auto written = write_secret_file(blob, *sealed + "\n"); !written) return written.error();
  return key;
}

}  // namespace sluice::identity

#else

namespace sluice::identity {

result<Secret> tpm_sealed_key(const std::string& tcti, const std::filesystem::path&, bool,
                              const std::string&) {
  return Error{
      errc::unsupported,
      fmt::format("this build has no TPM support (libtss2-dev was missing), so {} cannot be used", tcti)};
}

}  // namespace sluice::identity

#endif
