/** Entry of the stack's supervisor: started detached by `tradewind up`, ended by `tradewind down`. */
import { homeFolder } from './home.ts';
import { supervise } from './supervise.ts';

process.title = 'tradewind-supervisor';
process.exit(await supervise({ home: homeFolder(), env: process.env }));
