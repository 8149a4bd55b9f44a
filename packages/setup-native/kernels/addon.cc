// The entry that Node calls when it loads this library: registers the operations with the TensorFlow that tfjs-node has loaded already, and tells
// the caller what it runs on. The few functions of Node-API are declared here, so that no header of Node is needed; they are stable by contract.
#include "operations.h"
#include "packed-memory.h"
#include "parallel.h"

extern "C" {
typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_callback_info__ *napi_callback_info;
int napi_create_string_utf8(napi_env, const char *, size_t, napi_value *);
int napi_create_int32(napi_env, int, napi_value *);
int napi_create_double(napi_env, double, napi_value *);
int napi_create_function(napi_env, const char *, size_t, napi_value (*)(napi_env, napi_callback_info), void *, napi_value *);
int napi_set_named_property(napi_env, napi_value, const char *, napi_value);
int napi_throw_error(napi_env, const char *code, const char *message);

/** `packedMegabytes()`: how much memory packed weights take now. */
static napi_value packed_megabytes(napi_env env, napi_callback_info) {
  napi_value value;
  napi_create_double(env, packed_bytes() / 1048576.0, &value);
  return value;
}

__attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  // Once a process, however often it is loaded.
  static TF_Status *const status = TF_NewStatus();
  static const std::string operations = register_operations(status);
  if (TF_GetCode(status) != TF_OK) {
    napi_throw_error(env, nullptr, TF_Message(status));
    return exports;
  }
  napi_value value;
  napi_create_string_utf8(env, best_compute().instructions, static_cast<size_t>(-1), &value);
  napi_set_named_property(env, exports, "instructions", value);
  napi_create_string_utf8(env, operations.c_str(), operations.size(), &value);
  napi_set_named_property(env, exports, "operations", value);
  napi_create_int32(env, thread_count(), &value);
  napi_set_named_property(env, exports, "threads", value);
  napi_create_function(env, "packedMegabytes", static_cast<size_t>(-1), packed_megabytes, nullptr, &value);
  napi_set_named_property(env, exports, "packedMegabytes", value);
  return exports;
}
}
