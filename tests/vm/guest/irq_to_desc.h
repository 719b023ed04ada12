/* Modules may not call irq_to_desc(); this is the same by means they have. */
#include <linux/irq.h>
#include <linux/irqdesc.h>
#define irq_to_desc(virq) irq_data_to_desc(irq_get_irq_data(virq))
