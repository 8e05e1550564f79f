/* Integer kernels of recurrent networks: the ops HMD_LSTM, HMD_GRU and the small ones around them. */
#ifndef HMD_NN_H_
#define HMD_NN_H_

#include "hmd_builtin.h"
#include "hmd_gru.h"
#include "hmd_lstm.h"
#include "hmd_options.h"
#include "hmd_status.h"

#endif
