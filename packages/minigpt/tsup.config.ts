import { ownModuleUrl, packageBuild } from '../../tools/build/package-build.js';

export default packageBuild(ownModuleUrl);
