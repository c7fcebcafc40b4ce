/* SPDX-License-Identifier: MIT */
/* register.h - what libweir-test changes in libweir when it is loaded. */
#ifndef WEIR_TESTING_REGISTER_H
#define WEIR_TESTING_REGISTER_H

/* Make the changes. Harmless again. */
void weir__testing_register(void);

#endif
